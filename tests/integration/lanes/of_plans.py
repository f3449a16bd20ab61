"""What is executed for plans of lines, executed once."""

from pathlib import Path

from tests.support.lines import LANES, days
from tests.support.plans import NUMBER, Street
from topup.care.reminders.plans import PlansHearing
from topup.catalogue.queries import CatalogueCache
from topup.lines.plans.desk import Plans
from topup.lines.plans.history import changes_of
from topup.lines.plans.tasks import Renewals
from topup.platform.database import Database


async def plans_of_lines(database: Database, folder: Path) -> None:
    """A plan waits for money, begins with it, is changed, renews, and is given up."""
    street = await Street.with_plans(database, folder)
    async with database.read() as transaction:
        now = transaction.now
    [line] = await street.opened("planned", NUMBER, at=now)
    catalogue = CatalogueCache()
    plans, renewals = (
        Plans(database=database, catalogue=catalogue),
        Renewals(database=database, catalogue=catalogue, lanes=LANES),
    )
    await plans.take(number=NUMBER, plan="monthly", when="when_paid", by="test")
    assert await street.tops_up(line, 50_000, at=now)
    await renewals.run()
    for plan in ("calendar", "small", "calendar"):
        await plans.take(number=NUMBER, plan=plan, when="now", by="test")
    await plans.take(number=NUMBER, plan="small", when="next_cycle", by="test")
    assert len(await plans.choices(number=NUMBER)) == 5
    database.clock_offset += days(40)
    await renewals.run()
    await PlansHearing(database=database, catalogue=catalogue, lanes=LANES).hear()
    await plans.cancel(number=NUMBER, by="test")
    assert (await plans.show(number=NUMBER)).ending
    async with database.read() as transaction:
        assert await changes_of(transaction.connection, line)
