"""G28 for the house's own ways to pay: the PIN of a card, a payment code, a card's token and what a bank says of payers
are nowhere but where they belong, whatever is asked of pages, REST, the printer's file, and whatever goes wrong.
"""

import io
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote
from uuid import uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from prometheus_client import REGISTRY, generate_latest

from tests.support.canaries import stored
from tests.support.own_methods import RICH
from topup.kernel.errors import Problem
from topup.kernel.ids import PaymentId, lane_of, new_id
from topup.kernel.outcome import Unknown
from topup.orders.paying import Presented
from topup.payments.vouchers.pins import check_digit, grouped
from topup.payments.vouchers.printing import sealed_csv

PAYER, IBAN, WORDS = "Kanari Vogel", "DE02100100100006820101", "for aunt Canary"
CODE, TOKEN = "287654321098765432", "pm_canary7Q2XKtoken"
ADDRESS, WHO = "203.0.113.77", "canary.payer@mail.example"


@pytest.fixture
def voucher_shop(own_shop):
    return own_shop


def shapes(pin: str) -> list[str]:
    """As it is typed, as it is printed, and the half of it."""
    return [pin, grouped(pin), grouped(pin).replace(" ", "-"), pin[:9], pin[9:]]


def wrong() -> str:
    """A PIN that could be one, and is none."""
    body = "91827364554637281"
    return body + check_digit(body)


async def over_http(visitor, api, shop, pins: list[str]) -> list[str]:
    """PINs and codes shown over pages and REST, in their places and in wrong ones; every answer's text."""
    said = []
    for pin in pins:
        quoted = await visitor.post("/quotes", data={"number": "13800138000", "choice": "credit:5000"})
        path = quoted.headers["location"]
        key = re.search(r'name="key" value="([^"]+)"', (await visitor.get(path)).text)[1]
        form = {"key": key, "method": "voucher", "code": pin, "confirmations": "duplicate"}
        begun = await visitor.post(f"{path}/order", data=form)
        said += [begun.text, str(begun.headers)]
        page = await visitor.get(begun.headers.get("location", path))
        said += [page.text, str(page.headers)]
        order_id = (await api.order(confirmations=["duplicate"])).json()["id"]
        for body in (
            {"method": "voucher", "payment_code": pin},
            {"method": "scripted", "payment_code": CODE},
            {"method": "voucher", "payment_code": [pin]},
            {"method": "voucher", "payment_code": pin * 30},
            {"method": "voucher", "pin": pin},
            {"method": pin},
        ):
            answer = await api.client.post(
                f"/api/v1/orders/{order_id}/payments", json=body, headers={"Idempotency-Key": uuid4().hex}
            )
            said.append(answer.text)
        spoilt = f'{{"method": "voucher", "payment_code": "{pin}"'
        answer = await api.client.post(
            f"/api/v1/orders/{order_id}/payments",
            content=spoilt,
            headers={"Idempotency-Key": uuid4().hex, "content-type": "application/json"},
        )
        said.append(answer.text)
        said.append((await api.client.get(f"/api/v1/orders/{order_id}")).text)
    return said


async def with_a_defect(api, shop, pin: str) -> list[str]:
    """A method that fails with words that hold what it was shown, as a careless line of ours would."""
    start = shop.vouchers.start

    async def broken(request):
        raise RuntimeError(f"{request!r} with {request.payment_code} by {WHO}, pin={grouped(pin)}")

    shop.vouchers.start = broken
    order_id = (await api.order(confirmations=["duplicate"])).json()["id"]
    answer = await api.client.post(
        f"/api/v1/orders/{order_id}/payments",
        json={"method": "voucher", "payment_code": pin},
        headers={"Idempotency-Key": uuid4().hex},
    )
    shop.vouchers.start = start
    assert answer.status_code == 500
    return [answer.text]


async def behind_the_desk(shop, pins: list[str]) -> list[str]:
    """The same where no channel is: guessed until shut out, refused by a gateway, in every scene of trouble."""
    said = []
    shown = [Presented(ADDRESS, pin, TOKEN, WHO) for pin in pins for _ in range(4)]
    for presented in shown:
        order = await shop.ordered(payer=WHO)
        for method in ("voucher", "scripted", "balance"):
            shop.gateway.start_answers = [Unknown("no answer")]
            try:
                await shop.desk.pay(
                    payment_id=PaymentId(new_id("payment", lane_of(order.id))),
                    order_id=order.id,
                    method=method,
                    locale="en",
                    presented=presented,
                )
            except Problem as problem:
                said.append(f"{problem} {problem.parameters}")
    shop.gateway.start_answers = []
    return said


async def by_bank(shop) -> list[str]:
    """A transfer with its reference, one without, one that came late, and a statement with words that differ."""
    bank = shop.hands["bank_transfer"]
    said = []
    for text in (None, WORDS):
        order, payment = await shop.begun(bank, number="13800138055")
        moved = await bank.moved(payment.id, order.total, text=text)
        for words in (moved.text, moved.text + " " + WORDS):
            told = replace(moved, payer=PAYER, iban=IBAN, text=words)
            await bank.imports(told)
    broken = b"<Document>" + PAYER.encode() + IBAN.encode()
    try:
        await shop.desk.transfers.import_statement(io.BytesIO(broken), is_csv=False)
    except Problem as problem:
        said.append(f"{problem} {problem.parameters}")
    return said


def certificate():
    """Of whoever prints the cards."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "printer")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    return builder.sign(key, hashes.SHA256())


@pytest.mark.timeout(180)
async def test_g28_what_pays_is_nowhere_but_with_its_owner(own_shop, visitor, api, logs, figures):
    shop = own_shop
    await shop.rich()
    batch, printed = await shop.printed(4)
    pins = [card.pin for card in printed]
    texts = {"representation": repr(printed)}
    said = [*await over_http(visitor, api, shop, [*pins[:2], wrong()]), *await with_a_defect(api, shop, pins[3])]
    texts["answers"] = " ".join(said)
    texts["problems"] = " ".join([*await behind_the_desk(shop, [pins[2], wrong()]), *await by_bank(shop)])
    order = await shop.ordered()
    await shop.paying(order, presented=Presented(ADDRESS, CODE, TOKEN, WHO))
    await shop.later(hours=1)
    await shop.run()
    slips = [slip for one in await slip_orders(shop) for slip in await shop.desk.credit_slips(order_id=one)]
    pins += [slip.pin for slip in slips if slip.pin]
    texts["slips as they are printed by programs"] = repr(slips)
    texts["what the printer gets, unopened"] = sealed_csv(batch, printed, certificate()).decode("latin-1")
    texts["log"] = unquote(logs.getvalue())
    texts["metrics"] = generate_latest(REGISTRY).decode()
    never = {
        "PIN": [shape for pin in [*pins, wrong()] for shape in shapes(pin)],
        "payment code": shapes(CODE),
        "token": [TOKEN],
        "payer": [ADDRESS, WHO],
        "whom the bank names": [PAYER, IBAN, WORDS],
    }
    rows = stored(shop.database.url)
    leaks = {
        f"{place}: {kind}"
        for kind, words in never.items()
        for place, text in [*texts.items(), *rows]
        if any(word in text for word in words)
    }
    lines = {f"log: number in {line[:200]}" for line in texts["log"].splitlines() for n in RICH if n in line}
    assert leaks | lines == set()
    assert slips
    assert "RuntimeError" in texts["log"], "the log did speak of it"
    kept = {place for place, text in rows if text}
    assert kept >= {"payments.vouchers.mark", "payments.bank_entries.sealed", "payments.credit_slips.pin"}
    figures("G28", own_methods=4, leaked=0, canaries=sum(map(len, never.values())), stored=len(rows))


async def slip_orders(shop) -> list[str]:
    """An order whose card was redeemed after its time: it comes back as a slip."""
    hand = shop.hands["voucher"]
    expired = await shop.ordered(number="13800138078")
    start = shop.vouchers.start

    async def late(request):
        await shop.later(hours=3)
        await shop.desk.expire()
        return await start(request)

    shop.vouchers.start = late
    await shop.begins(hand, expired, PaymentId(new_id("payment", lane_of(expired.id))))
    shop.vouchers.start = start
    await shop.run()
    return [expired.id]
