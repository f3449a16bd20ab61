"""No secret, reference or personal data of any provider where it does not belong (G28): a house is paid through each in
every scene, with what can go wrong, and then its logs, metrics, tables, errors and addresses are searched.
"""

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote

import pytest
from prometheus_client import REGISTRY, generate_latest

from tests.conformance.registry import GATEWAYS
from tests.support.canaries import stored
from topup.kernel.errors import Problem
from topup.kernel.ids import PaymentId, lane_of, new_id
from topup.kernel.money import Money
from topup.orders.paying import Presented
from topup.payments.ports import Particular, Scene
from topup_simulators.payments.magic import Magic

every_gateway = pytest.mark.parametrize("plug", GATEWAYS.values(), ids=lambda plug: plug.name)
SHOWN = Presented(
    payer_address="203.0.113.77",
    payment_code="134567898765432101",
    wallet_user="oUpF8uMuAJO_M2pxb1Q9zNjWeS6o",
    payer="canary.payer@mail.example",
)
TROUBLE = [
    Magic.START_BROKEN,
    Magic.QUERY_BADLY_SIGNED,
    Magic.QUERY_BROKEN,
    Magic.FORGED_FIRST,
    Magic.WRONG_AMOUNT,
    Magic.REFUND_GARBAGE,
    Magic.REFUND_FAILS_LATER,
]
REFERENCES_LIVE_IN = {
    "payments.captures.reference",
    "payments.refunds.reference",
    "payments.inbox.facts",
    "ledger.transfers.key",
    "orders.receipts.body",
    "work.items.evidence",
    "work.items.subject",
}
"""Where a provider's number of a payment is kept, as schema.table.column: nothing is returned or proven without it."""
NUMBERS_LIVE_IN = {
    "orders.quotes.body",
    "orders.orders.msisdn",
    "orders.receipts.body",
    "lines.numbers.msisdn",
    "fulfilment.attempts.msisdn",
}


def secrets_of(settings) -> dict[str, list[str]]:
    """What is in the files that the settings name and is nobody else's to know, in pieces that a search finds."""
    found = {}
    for name, value in settings.model_dump().items():
        if isinstance(value, Path):
            text = value.read_text()
            if "PUBLIC KEY" in text or "CERTIFICATE" in text:
                continue
            found[name] = [line for line in text.split() if len(line) >= 16 and "-----" not in line]
            assert found[name], name
    return found


async def everything_goes_wrong(house) -> list[Problem]:
    """Every scene, every trouble; paid, doubled, refused, given back, forged, and asked for in wrong ways."""
    problems: list[Problem] = []
    for scene in Scene:
        with suppress(Problem):
            await begun_in(house, scene)
    for trouble in TROUBLE:
        order = await house.ordered(5000 + trouble)
        for payment in (await house.begin(order), await house.begin(order)):
            await house.pay(payment, "late" if trouble is not Magic.FORGED_FIRST else "pay")
            await house.street.until(house.says(payment.id))
            await house.desk.post_room.settled()
    notice = house.street.heard[-1]
    for body in (notice.body[:-1], b"134567898765432101", b""):
        await house.desk.receive_event(method=house.name, headers=notice.headers, body=body)
    order = await house.ordered()
    for wanted in (begun_in(house, Scene.UNATTENDED), house.desk.cancel(order_id=house.orders[0].id)):
        try:
            await wanted
        except Problem as problem:
            problems.append(problem)
    await house.settle()
    return problems


async def begun_in(house, scene: Scene):
    """An attempt in the scene, with all that a payer can show; None where the provider is not for it."""
    if isinstance(house.plugin, Particular) and house.plugin.unfit(Money(5000, house.currency), scene):
        return None
    order = await house.ordered()
    return await house.desk.pay(
        payment_id=PaymentId(new_id("payment", lane_of(order.id))),
        order_id=order.id,
        method=house.name,
        locale="en",
        scene=scene,
        presented=SHOWN,
    )


@every_gateway
@pytest.mark.timeout(120)
async def test_g28_secrets_and_personal_data_stay_where_they_live(plug, house, logs, figures):
    settings = house.simulator.settings
    requests, start = [], house.plugin.start

    async def noting(request):
        requests.append(request)
        return await start(request)

    house.plugin.start = noting
    problems = await everything_goes_wrong(house)
    findings = [] if plug.check is None else await plug.check(settings, house.client, datetime.now(UTC))
    rows, written, books = stored(house.database.url), unquote(logs.getvalue()), house.books()
    kept = {
        "reference": {one["reference"] for one in books.captures if one["payment_id"] in house.ours()},
        "number": {order["msisdn"].removeprefix("+86") for order in books.orders.values()},
    }
    never = {
        "address": [SHOWN.payer_address],
        "code": [SHOWN.payment_code],
        "wallet user": [SHOWN.wallet_user],
        "payer": [SHOWN.payer],
        **secrets_of(settings),
    }
    assert all(kept.values())
    assert "called_outside" in written, "the log did speak of it"
    places = {
        "log": written,
        "metrics": generate_latest(REGISTRY).decode(),
        "problems": " ".join(f"{problem} {problem.parameters}" for problem in problems),
        "findings": " ".join(f"{one.reason} {dict(one.parameters)}" for one in findings),
        "addresses": " ".join(f"{one.return_url} {one.notify_url} {one.description}" for one in requests),
    }
    leaks = {
        f"{place}: {kind}"
        for kind, canaries in (never | kept).items()
        for canary in canaries
        for place, text in places.items()
        if canary in text
    }
    leaks |= {
        f"{place}: {kind}" for kind, words in never.items() for place, text in rows if any(w in text for w in words)
    }
    homes = {"reference": REFERENCES_LIVE_IN, "number": NUMBERS_LIVE_IN}
    where = {
        kind: {place for place, text in rows if any(word in text for word in words)} for kind, words in kept.items()
    }
    leaks |= {f"{place}: {kind}" for kind, places in where.items() for place in places - homes[kind]}
    assert leaks == set()
    assert where["reference"] >= {"payments.captures.reference"}
    assert where["number"] >= {"orders.orders.msisdn"}
    canaries = sum(map(len, never.values())) + sum(map(len, kept.values()))
    figures("G28", provider=plug.name, leaked=0, canaries=canaries, log_lines=written.count("\n"), stored=len(rows))
