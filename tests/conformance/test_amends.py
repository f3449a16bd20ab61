"""Money that is not what it should be, at every provider: it settles or goes back (G10), never more than came (G16),
and only what was asked for pays (G17). Over each provider's wire; a new provider is held to it by existing.
"""

import asyncio
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.conformance.registry import GATEWAYS
from tests.support.simulators import a_payment
from topup.kernel.ids import lane_of
from topup.payments.operations import OverRefund, request_refunds
from topup.payments.ports import Capability, EventRejected
from topup.payments.queries import captures
from topup_simulators.payments.magic import Magic

every_gateway = pytest.mark.parametrize("plug", GATEWAYS.values(), ids=lambda plug: plug.name)
EACH = 20 if os.environ.get("TOPUP_SOAK") else 2
PAID = 5000
PART = 700
WORKERS = 12
LOSSES = (
    Magic.REFUND_BROKEN,
    Magic.REFUND_GARBAGE,
    Magic.REFUND_HANGS_UP_DONE,
    Magic.REFUND_HANGS_UP_UNDONE,
    Magic.REFUND_SLOW,
)
"""Refunds whose first answer is lost, or that take a while."""

MERCHANT = {"app_id", "seller_id", "merchant_id"}
"""Settings that say who is paid."""


async def after_the_end(house, ending) -> None:
    """Paid when nobody should any more: the provider said that it was closed, and it was not."""
    order = await house.ordered(PAID + Magic.CLOSED_IN_WORDS)
    payment = await house.begin(order)
    await house.open_page(payment)
    await ending(order)
    await house.everything_due()
    house.database.clock_offset = timedelta(0)
    await house.pay(payment, "late")
    await house.street.until(house.says(payment.id))


async def paid_after_expiry(house) -> None:
    async def expires(_order) -> None:
        await house.later(timedelta(minutes=16))
        await house.desk.expire()

    await after_the_end(house, expires)


async def paid_after_cancel(house) -> None:
    await after_the_end(house, lambda order: house.desk.cancel(order_id=order.id))


async def paid_twice(house, amount_minor: int = PAID + Magic.CLOSED_IN_WORDS) -> None:
    order = await house.ordered(amount_minor)
    for payment in (await house.begin(order), await house.begin(order)):
        await house.pay(payment, "late")
        await house.street.until(house.says(payment.id))


async def paid_twice_and_the_refund_fails(house) -> None:
    await paid_twice(house, PAID + Magic.REFUND_FAILS_LATER)


async def paid_by_two_methods(house) -> None:
    order = await house.ordered()
    here, elsewhere = await house.begin(order), await house.begin(order, house.other.name)
    await house.paid_elsewhere(elsewhere)
    await house.pay(here)
    await house.street.until(house.says(here.id))


async def paid_wrong_amount(house) -> None:
    _, payment = await house.bought(PAID + Magic.WRONG_AMOUNT)
    await house.street.until(house.says(payment.id))


async def paid_wrong_currency(house) -> None:
    _, payment = await house.bought(PAID + Magic.WRONG_CURRENCY)
    await house.street.until(house.says(payment.id))


WAYS = (
    paid_after_expiry,
    paid_after_cancel,
    paid_twice,
    paid_twice_and_the_refund_fails,
    paid_by_two_methods,
    paid_wrong_amount,
    paid_wrong_currency,
)


@every_gateway
async def test_g10_what_came_late_twice_or_wrong_settles_or_goes_back(plug, house, figures):
    for way in WAYS:
        for _ in range(EACH):
            await way(house)
    books = await house.settle()
    stuck = [*books.wrong(), *books.unfinished()]
    assert stuck == []
    listed = {item["subject"] for item in books.items}
    with_a_person = {one["payment_id"] for one in books.refunds if one["id"] in listed}
    theirs, ours = await house.theirs(), house.ours()
    differ = [one for one in theirs.keys() | ours.keys() if theirs.get(one) != ours.get(one)]
    assert differ == []
    for order in books.orders.values():
        left = sum(came - back for one, (came, back) in theirs.items() if books.order_of(one) is order)
        kept = books.payments.get(order["kept_payment_id"])
        price = kept["amount_minor"] if kept and kept["method"] == house.name and books.delivered(order) else 0
        mine = {one["id"] for one in books.payments.values() if one["order_id"] == order["id"]}
        assert left == price or mine & with_a_person, order["state"]
    of = len(WAYS) * EACH
    figures.never("G10", provider=plug.name, stuck=len(stuck), with_a_person=len(with_a_person), of=of)


@every_gateway
async def test_g16_refunds_raced_and_unanswered_never_exceed_what_came(plug, house, figures):
    """Of each payment more is asked back than came, by many at once; two processes send it, and answers get lost."""
    if Capability.REFUND not in plug.capabilities:
        pytest.skip("no refunds")
    asked = promised = 0
    for loss in LOSSES:
        _, payment = await house.bought(PAID + loss)
        await house.street.until(house.says(payment.id))
        await house.desk.post_room.settled()
        part = PART if Capability.PARTIAL_REFUND in plug.capabilities else PAID + loss
        got = await asyncio.gather(*(ask_back(house, payment, part) for _ in range(WORKERS)))
        assert sum(got) == (PAID + loss) // part * part
        asked, promised = asked + WORKERS, promised + sum(got)
    other = house.new_desk()
    try:
        for _ in range(6):
            await asyncio.gather(*(desk.outside.refund() for desk in (house.desk, other)))
            await house.later(timedelta(seconds=20))
    finally:
        await other.aclose()
    await house.settle()
    theirs = await house.theirs()
    came, back = (sum(sums) for sums in zip(*theirs.values(), strict=True))
    assert all(back <= came for came, back in theirs.values())
    assert theirs == house.ours()
    assert back == promised, "each went back once"
    figures.never("G16", provider=plug.name, over_refund=0, paid=came, went_back=back, of=asked)


async def ask_back(house, payment, part: int) -> int:
    """In a transaction of its own; how much was promised."""
    place = (lane_of(payment.id), payment.id)
    async with house.database.read() as transaction:
        (capture,) = (await captures(transaction.connection, [place]))[payment.id]
    try:
        async with house.database.transaction() as transaction:
            await request_refunds(transaction.connection, [(capture, part, "asked for")], transaction.now)
    except OverRefund:
        return 0
    return part


def rejects(gateway, notice) -> bool:
    """Whether the event is no word for this one."""
    try:
        gateway.parse_event(notice.headers, notice.body, datetime.now(UTC))
    except EventRejected:
        return True
    return False


def strangers(settings, directory):
    """Settings of others: each differs in one id, or in one shared secret."""
    for name, value in settings.model_dump().items():
        if name in MERCHANT:
            yield name, settings.model_copy(update={name: value[:-1] + ("1" if value[-1] == "0" else "0")})
        elif isinstance(value, Path) and "-----BEGIN" not in (text := value.read_text()):
            (directory / name).write_text(text.translate(str.maketrans("0123456789", "1234567890")))
            yield name, settings.model_copy(update={name: directory / name})


@every_gateway
async def test_g17_only_the_payment_that_was_asked_for_pays(plug, house, figures, tmp_path, http_client):
    """Another amount, another currency, another merchant, another provider's address, a payment that is nobody's."""
    house.street.open = False
    wrong = [await house.bought(PAID + which) for which in (Magic.WRONG_AMOUNT, Magic.WRONG_CURRENCY)]
    right_order, right = await house.bought()
    notices = [(await house.street.until(house.says(payment.id)))[0] for _, payment in wrong]
    (good,) = await house.street.until(house.says(right.id))
    stranger = a_payment(notify_url=f"{house.street.url}/webhooks/{plug.name}")
    await house.simulator.pay(house.plugin, stranger)
    notices += await house.street.until(house.says(stranger.payment_id))
    for notice in notices:
        await house.street.hand_on(notice)
    await house.desk.post_room.settled()
    books = house.books()
    tried = 1
    for order, payment in wrong:
        came = [one for one in books.captures if one["payment_id"] == payment.id]
        as_asked = [one for one in came if (one["amount_minor"], one["currency"]) == (PAID + 96, house.currency)]
        if not as_asked:  # a gateway with one currency has no other to be wrong in
            tried += 1
            assert [one["disposition"] for one in came] == ["mismatched"]
            assert books.orders[order.id]["state"] == "awaiting_payment"
    assert stranger.payment_id not in {one["payment_id"] for one in books.captures}
    merchants = 0
    for name, settings in strangers(house.simulator.settings, tmp_path):
        gateway = plug.make(settings, http_client)
        refused = rejects(gateway, good)
        merchants += refused
        assert refused or name not in MERCHANT, f"another {name} is taken for ours"
    others = [other for other in GATEWAYS.values() if other is not plug]
    for other in others:
        (tmp_path / other.name).mkdir()
        gateway = other.make(other.example(tmp_path / other.name, "https://gateway.example"), http_client)
        assert rejects(gateway, good), other.name
    assert merchants, "nothing in its settings says which merchant its events are for"
    assert tried > 1
    await house.street.hand_on(good)
    await house.desk.post_room.settled()
    assert house.books().captures[-1]["disposition"] == "kept"
    assert house.books().orders[right_order.id]["kept_payment_id"] == right.id
    figures.never("G17", provider=plug.name, accepted=0, of=tried + merchants + len(others))
