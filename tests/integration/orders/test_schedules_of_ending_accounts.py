"""An account ends and a top-up runs for it by itself: whoever commits first decides, and nobody pays afterwards."""

from datetime import timedelta

from topup.care.personal import keepers, leaving
from topup.orders.schedules import runs
from topup.orders.schedules.rules import Agreement, Trigger
from topup.people.subscribers.leaving import UNDO, Leaving

MONTHLY = Agreement(Trigger.MONTHLY, day=15, amount_minor=5000, cap_minor=20000)


class Meanwhile:
    """The last room that is asked whether an account may end: what happens just then."""

    def __init__(self, happens):
        self.unsettled = self._unsettled
        self._happens = happens

    async def _unsettled(self, connection, *, subscriber_id):
        await self._happens()
        return 0

    async def forget(self, connection, *, subscriber_id, now):
        """It keeps nothing."""


async def due_at_the_end_of_an_account(automatic) -> str:
    """A run that is written down and not begun, of somebody whose account ends now."""
    schedule = await automatic.agrees(MONTHLY)
    automatic.shop.database.clock_offset += timedelta(days=7)
    await automatic.looking.look(100)
    assert await automatic.runs(schedule) == [("month:2030-03", "waiting", "")]
    shop = automatic.shop
    await leaving(database=shop.database, keyring=shop.keys).leave(subscriber_id=automatic.who)
    shop.database.clock_offset += UNDO + timedelta(hours=1)
    return schedule


async def still_here(automatic) -> bool:
    async with automatic.shop.database.read() as transaction:
        sql = "SELECT erased_at IS NULL FROM people.subscribers WHERE id = %s"
        row = await (await transaction.connection.execute(sql, [automatic.who])).fetchone()
    return row[0]


async def test_whoever_runs_it_while_the_account_is_ending_charges_nothing(automatic):
    await due_at_the_end_of_an_account(automatic)
    shop = automatic.shop
    taken = []

    async def somebody_runs_it():
        taken.append(await automatic.runner.run_due(100))

    last = Meanwhile(somebody_runs_it)
    away = Leaving(database=shop.database, keyring=shop.keys, keepers=[*keepers(shop.keys), last])
    assert (await away.erase_due(), taken) == (1, [0])
    assert not await still_here(automatic)
    await automatic.sweeps()
    assert (shop.gateway.charged, await automatic.ordered()) == ([], 0)


async def test_an_account_whose_run_was_begun_first_ends_when_that_is_over(automatic):
    schedule = await due_at_the_end_of_an_account(automatic)
    shop = automatic.shop
    away = leaving(database=shop.database, keyring=shop.keys)
    async with shop.database.transaction() as transaction:
        [begun] = await runs.take(transaction.connection, 100, transaction.now)
        assert await away.erase_due() == 0, "who takes it up has not committed yet"
    assert (await away.erase_due(), await still_here(automatic)) == (1, True)
    shop.database.clock_offset += 2 * runs.LEASE
    await automatic.sweeps()
    assert await automatic.runs(schedule) == [("month:2030-03", "done", "")]
    assert shop.gateway.charged == ["cus_1:pm_1"]
    shop.database.clock_offset += timedelta(hours=2)
    assert (await away.erase_due(), await still_here(automatic)) == (1, False)
    await automatic.sweeps()
    assert (len(shop.gateway.charged), begun.schedule_id) == (1, schedule)
