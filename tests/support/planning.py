"""Plans that are taken and renewed by processes that are killed: `python -m … URL FOLDER LABEL…`.

For each label a line with a plan is made whose renewal is due; a process is forked that is killed in the midst of the
deed, and another that does it again. Prints for each label what stood in the books before, after the death, and after
the repetition, as JSON.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tests.support.database import settings_for
from tests.support.lines import LANES, days
from tests.support.plans import Street
from topup.care.reminders.plans import PlansHearing
from topup.catalogue.queries import CatalogueCache
from topup.lines.plans.desk import Plans
from topup.lines.plans.tasks import Renewals
from topup.platform import crash
from topup.platform.database import Database

SINCE = days(40)
"""A plan by the month that began then is due once."""
_BOOKS = """
SELECT (SELECT row_to_json(p) ->> 'cycle' FROM lines.plans AS p WHERE p.line_id = n.line_id),
    (SELECT array_agg(t.purpose || ' ' || t.amount ORDER BY t.sequence) FROM ledger.transfers AS t
     WHERE t.lane = n.lane AND t.line_id = n.line_id),
    (SELECT array_agg(c.what ORDER BY c.sequence) FROM lines.plan_changes AS c WHERE c.line_id = n.line_id),
    (SELECT count(*) FROM lines.plan_changes AS c WHERE c.line_id = n.line_id AND c.heard)
FROM lines.numbers AS n WHERE n.msisdn = %s
"""


async def prepare(database: Database, folder: Path, number: str) -> None:
    """A line whose renewal is due, and nothing else to be done."""
    street = await Street.with_plans(database, folder)
    await renew(database, number)
    await hear(database, number)
    async with database.read() as transaction:
        begun = transaction.now - SINCE
    [line] = await street.opened("planned", number, at=begun)
    await street.credits(line, 50_000, at=begun)
    await street.takes(line, "monthly", at=begun)


async def renew(database: Database, _number: str) -> None:
    await Renewals(database=database, catalogue=CatalogueCache(), lanes=LANES).run()


async def take(database: Database, number: str) -> None:
    plans = Plans(database=database, catalogue=CatalogueCache())
    await plans.take(number=number, plan="keep", when="now", by="test")


async def hear(database: Database, _number: str) -> None:
    await PlansHearing(database=database, catalogue=CatalogueCache(), lanes=LANES).hear()


DEEDS: dict[str, Callable[[Database, str], Awaitable[None]]] = {
    "plans.renew": renew,
    "plans.take": take,
    "plans.hear": hear,
}


def in_a_process(work: Callable[[], Awaitable[None]]) -> int:
    """How a process of its own that does the work ends."""
    pid = os.fork()
    if not pid:
        asyncio.run(work())  # type: ignore[arg-type]
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def tried(url: str, folder: Path, label: str, number: str) -> list[Any]:
    """The books before, after the death, and after the repetition."""
    found = []

    async def with_database(work: Callable[[Database], Awaitable[None]]) -> None:
        async with Database.open(settings=settings_for(url), migrating=False) as database:
            await work(database)

    async def look(database: Database) -> None:
        async with database.read() as transaction:
            row = await (await transaction.connection.execute(_BOOKS, (number,))).fetchone()
        (folder / "books.json").write_text(json.dumps(row))

    async def die(database: Database) -> None:
        os.environ["TOPUP_CRASH_AT"] = label
        crash.arm(development=True)
        await DEEDS[label.rsplit(".", 1)[0]](database, number)

    steps = [
        (lambda database: prepare(database, folder, number), 0),
        (die, -signal.SIGKILL),
        (lambda database: DEEDS[label.rsplit(".", 1)[0]](database, number), 0),
    ]
    for step, ends in steps:
        code = in_a_process(lambda step=step: with_database(step))  # type: ignore[misc]
        if code != ends:
            raise SystemExit(f"{label}: ended with {code}")
        in_a_process(lambda: with_database(look))
        found.append(json.loads((folder / "books.json").read_text()))
    return found


def main() -> None:
    url, folder = sys.argv[1], Path(sys.argv[2])
    said = {label: tried(url, folder, label, f"+8536612{n:04}") for n, label in enumerate(sys.argv[3:])}
    print(json.dumps(said))


if __name__ == "__main__":
    main()
