"""Who proposes a carrier's file, calls it off, and what begins by itself, each a process that may be killed:
`python -m … URL DEED`.
"""

import asyncio
import contextlib
import sys
from datetime import timedelta

from tests.support.approving import Anybody
from tests.support.database import settings_for
from topup.catalogue.checking import CarrierFile, check, check_bytes
from topup.catalogue.demonstration import demonstration_files
from topup.catalogue.publishing import publications
from topup.catalogue.publishing.drafts import Drafts
from topup.catalogue.publishing.publications import Publications, asking_for
from topup.kernel.errors import Conflict
from topup.platform.crash import arm
from topup.platform.database import Database
from topup.work.approvals import Approvals

[FILE] = [file for file in demonstration_files() if file.stem == "yunfan"]
ANNA, BEN = Anybody("stf_anna"), Anybody("stf_ben")


def dearer() -> CarrierFile:
    return check_bytes(check(FILE).source.replace("price = 58", "price = 68").encode(), name="yunfan.toml")


async def draft(database: Database) -> None:
    await Drafts(database).keep(dearer(), note="Summer", by=ANNA.id, form="form-1")


async def plan(database: Database) -> None:
    """Two people agree to publish it in the days to come."""
    kind = publications.kind(request="catalogue.propose", approve="catalogue.approve")
    approvals = Approvals(database=database, kinds=[kind])
    [found] = await Drafts(database).page()
    async with database.read() as transaction:
        starts = transaction.now + timedelta(days=300)
    wish = asking_for(draft_id=found.id, against=1, starts=starts.isoformat(), reason="Because")
    await approvals.approve(BEN, (await approvals.request(ANNA, wish)).id, note="")


async def cancel(database: Database) -> None:
    found = Publications(database)
    # It may have been called off before we were killed.
    with contextlib.suppress(Conflict):
        for one in await found.of_carrier("yunfan"):
            await found.cancel(one.id, by=ANNA.id)


async def due(database: Database) -> None:
    """What is planned begins, two years from now."""
    database.clock_offset = 2 * publications.FARTHEST
    await Publications(database).publish_due()


DEEDS = {one.__name__: one for one in (draft, cancel, due)}


async def _main(url: str, deed: str) -> None:
    async with Database.open(settings=settings_for(url), migrating=False) as database:
        await DEEDS[deed](database)


if __name__ == "__main__":
    arm(development=True)
    asyncio.run(_main(*sys.argv[1:]))
