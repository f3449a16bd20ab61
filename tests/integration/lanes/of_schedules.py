"""Top-ups that run by themselves, executed once: agreed to, looked at, tried, put off, stopped, taken up, removed."""

from datetime import timedelta

from tests.integration.lanes.of_lines import LANES
from tests.support.desk import OWN_NUMBER, Shop
from tests.support.households import Households
from topup.catalogue.queries import CatalogueCache
from topup.kernel.money import Money
from topup.kernel.msisdn import parse_msisdn
from topup.lines import owners
from topup.lines.queries import lines_now
from topup.orders.schedules import records, runs
from topup.orders.schedules.desk import Schedules, ScheduleWanted
from topup.orders.schedules.looking import Looking
from topup.orders.schedules.rules import Agreement, Trigger
from topup.orders.schedules.running import Runner
from topup.orders.schedules.states import RunState
from topup.payments.instruments import records as instruments
from topup.payments.ports import Instrument

LOW = Agreement(Trigger.LOW, threshold_minor=50_000, amount_minor=3000, cap_minor=10_000)
KEEP = Agreement(Trigger.KEEP, cap_minor=10_000)
ENDS = Agreement(Trigger.EXPIRY, days_before=30, amount_minor=3000, cap_minor=10_000)


async def schedules_that_run(shop: Shop):
    """The way to pay takes nothing with nobody there: so it is tried, and comes to nothing."""
    parts = {"database": shop.database, "catalogue": CatalogueCache(), "lanes": LANES}
    schedules, looking = Schedules(**parts), Looking(**parts, keys=shop.keys)
    catalogue = parts["catalogue"]
    runner = Runner(database=shop.database, desk=shop.desk, keys=shop.keys, looking=looking, catalogue=catalogue)
    who, card = await _somebody(shop)
    made = [
        await schedules.make(ScheduleWanted(who, OWN_NUMBER, agreement, card, "en"))
        for agreement in (LOW, LOW, ENDS, KEEP)
    ]
    for _ in range(4):
        await looking.look(10)
        await looking.look_to_keep(10)
        await runner.run_due(10)
        await shop.desk.expire()
        await shop.desk.outside.ask()
        shop.database.clock_offset += timedelta(minutes=3)
    shop.database.clock_offset = timedelta()
    assert len(await schedules.of(subscriber_id=who)) == len(made)
    assert len(await schedules.of_number(number=OWN_NUMBER)) == len(made)
    assert (await schedules.stop(schedule_id=made[0], by="cli", reason="seen to", keys=shop.keys))[1]
    await schedules.stop_all(subscriber_id=who)
    await schedules.use(subscriber_id=who, schedule_id=made[0], instrument_id=card)
    await schedules.limit(subscriber_id=who, schedule_id=made[0], cap=Money(20_000, "CNY"))
    await schedules.resume(subscriber_id=who, schedule_id=made[0])
    await schedules.remove(subscriber_id=who, schedule_id=made[1])
    async with shop.database.transaction() as transaction:
        connection, now = transaction.connection, transaction.now
        [one] = [row for row in await runs.runs_of(connection, made[0]) if row.cause]
        await runs.unpriced(connection, one)
        await runs.end(connection, one, state=RunState.FAILED, reason="", now=now)
        assert await records.schedules_of(connection, who, ended=True)
        await runs.being_paid(connection, who)
        await records.drop(connection, who)
        [line] = [found.ref for found in (await lines_now(connection, [parse_msisdn(OWN_NUMBER).e164])).values()]
        await owners.unbind(connection, subscriber_id=who, line=line)


async def _somebody(shop: Shop) -> tuple[str, str]:
    async with shop.database.transaction() as transaction:
        e164 = parse_msisdn(OWN_NUMBER).e164
        [line] = [found.ref for found in (await lines_now(transaction.connection, [e164])).values()]
    who = await Households(shop.database, shop.keys).moves_in("+8613911112222", line)
    async with shop.database.transaction() as transaction:
        connection, now = transaction.connection, transaction.now
        left = Instrument("cus_9:pm_9", "Visa 4242")
        await instruments.keep(
            connection, shop.keys, subscriber_id=who, method="bank_transfer", instrument=left, now=now
        )
        [kept] = await instruments.kept_by(connection, subscriber_id=who)
    return who, kept.id
