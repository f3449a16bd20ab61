"""Cards that payers leave, executed once: asked about, kept, used, removed and let go of."""

from tests.support.desk import Shop
from topup.kernel.ids import PaymentId, lane_of, new_id
from topup.kernel.money import Money
from topup.payments.instruments import agreements, records
from topup.payments.instruments.agreements import Agreement, AgreementState
from topup.payments.instruments.ports import Terms
from topup.payments.ports import Instrument

WANTED = AgreementState.WANTED


async def instruments_that_are_kept(shop: Shop):
    """Two cards of somebody's: one they remove, one that goes with their account."""
    who = new_id("subscriber", 2)
    order = await shop.ordered()
    number = PaymentId(new_id("payment", lane_of(order.id)))
    await shop.desk.pay(payment_id=number, order_id=order.id, method="bank_transfer", locale="en")
    async with shop.database.transaction() as transaction:
        connection, now = transaction.connection, transaction.now
        await records.want(connection, [(lane_of(number), number, who)], now)
        later = now + 2 * records.FIRST_LOOK
        [keeping] = await records.due(connection, 10, later)
        for token in ("cus_1:pm_1", "cus_1:pm_2"):
            left = Instrument(token, "Visa 4242")
            await records.keep(
                connection, shop.keys, subscriber_id=who, method="bank_transfer", instrument=left, now=now
            )
        await records.settled(connection, keeping)
        for kept in await records.kept_by(connection, subscriber_id=who):
            assert await records.instrument(connection, subscriber_id=who, instrument_id=kept.id)
        await records.remove(connection, subscriber_id=who, instrument_id=kept.id, now=now)
        await records.remove_all(connection, subscriber_id=who, now=now)
        for one in await records.to_forget(connection, 10, later):
            await records.forgotten(connection, one)
        await agreements_that_are_signed_or_not(connection, shop, who, now)
    await shop.desk.cancel(order_id=order.id)


async def agreements_that_are_signed_or_not(connection, shop: Shop, who: str, now):
    """One that is signed and removed, one that is called off, and what an account leaves."""
    terms = Terms(Money(10_000, "CNY"), 30)
    asked = [Agreement(new_id("instrument", 2), who, "bank_transfer", terms, WANTED, now, 0) for _ in range(3)]
    for one in asked:
        await agreements.want(connection, one)
    signed, off, last = await agreements.wanted_by(connection, subscriber_id=who)
    await agreements.told(connection, signed.id, "bank_transfer", now)
    assert len(await agreements.due(connection, 10, now + agreements.OFFERED_FOR)) == len(asked)
    await agreements.call_off(connection, subscriber_id=who, agreement_id=off.id, now=now)
    await agreements.over(connection, off.id)
    known = await agreements.locked(connection, signed.id)
    left = Instrument("20215607750930630440", "Alipay sim***")
    await records.keep(
        connection, shop.keys, subscriber_id=who, method="bank_transfer", instrument=left, now=now, agreed=known.id
    )
    await agreements.signed(connection, known, now)
    await records.remove(connection, subscriber_id=who, instrument_id=known.id, now=now)
    await records.remove_all(connection, subscriber_id=who, now=now)
    await agreements.over(connection, last.id)
    for one in await records.to_forget(connection, 10, now + agreements.OFFERED_FOR):
        await records.forgotten(connection, one)
