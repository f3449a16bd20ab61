"""G11 for carriers' files: killed with -9 before and after each commit, a draft is kept once, a planned version begins
once or was called off, and the trail has each with it.
"""

import os
import signal
import subprocess
import sys

import pytest

from tests.support.publishing import FILE, draft, plan
from topup.catalogue.checking import check
from topup.catalogue.operations import publish
from topup.work import trail

pytestmark = [pytest.mark.chaos, pytest.mark.xdist_group("chaos-0")]

AFTER = {
    "draft": (["catalogue.drafted"], [(1,)], []),
    "cancel": (["catalogue.cancelled", "catalogue.drafted"], [(1,)], ["cancelled"]),
    "due": (["catalogue.published", "catalogue.drafted"], [(1,), (2,)], ["published"]),
}
"""What the trail has in the end, the versions there are, and how publications stand."""


def live(url: str, deed: str, *, crash_at: str = "") -> int:
    environment = os.environ | {"TOPUP_CRASH_AT": crash_at}
    command = [sys.executable, "-m", "tests.support.publishing", url, deed]
    return subprocess.run(command, env=environment, check=False, timeout=60).returncode


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("deed", AFTER)
async def test_what_is_done_with_a_carriers_file_is_done_once(database, database_url, deed, moment):
    async with database.transaction() as transaction:
        await publish(transaction.connection, check(FILE), transaction.now)
    if deed != "draft":
        await draft(database)
        await plan(database)
    assert live(database_url, deed, crash_at=f"catalogue.{deed}.{moment}_commit") == -signal.SIGKILL
    for _ in range(2):
        assert live(database_url, deed) == 0
    told, versions, states = AFTER[deed]
    async with database.read() as transaction:
        connection = transaction.connection
        assert (await trail.verify(connection)).sound
        assert [one.action for one in await trail.entries(connection, action="catalogue.")] == told
        cursor = await connection.execute("SELECT version FROM catalogue.versions ORDER BY version")
        assert await cursor.fetchall() == versions
        cursor = await connection.execute("SELECT state FROM catalogue.publications")
        assert [state for (state,) in await cursor.fetchall()] == states
        cursor = await connection.execute("SELECT count(*) FROM catalogue.drafts")
        assert await cursor.fetchone() == (1,)
