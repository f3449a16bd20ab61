"""A server that is gone comes back while somebody uses it: once, as it was, and never as a new one."""

import asyncio
import os
import shutil
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
from structlog.testing import capture_logs

from tests.support.embedded import lives, postmaster, postmasters, read, write
from tests.support.simulators import until
from topup.kernel.errors import Unavailable
from topup.platform.database import Database
from topup.platform.embedded import EmbeddedServer, keeping, kept
from topup.platform.embedded.server import Condition
from topup.platform.settings import Settings

PATIENCE_S = 60


@pytest.fixture
def server(made):
    with EmbeddedServer.start(made) as running:
        write(running.url)
        yield running


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(keeping, "_LOOK_EVERY_S", 0.02)
    monkeypatch.setattr(keeping, "_GRACE_S", 0.1)
    monkeypatch.setattr(keeping, "_FIRST_PAUSE_S", 0.02)


def kill(data_dir):
    process = postmaster(data_dir)
    os.kill(process, signal.SIGKILL)
    return process


async def failed(logs):
    return [line for line in logs if line["event"] == "database_start_failed"]


async def returned(event):
    async with asyncio.timeout(PATIENCE_S):
        await event.wait()


async def test_a_killed_one_is_back_with_what_was_committed(made, server):
    back = asyncio.Event()
    async with kept(server, on_return=back.set):
        killed = kill(made)
        await returned(back)
        assert postmaster(made) != killed
        assert read(server.url) == (1,)
    assert lives(postmaster(made))


async def test_one_that_was_stopped_in_order_is_back_when_nobody_starts_it(made, server):
    back = asyncio.Event()
    async with kept(server, on_return=back.set):
        os.kill(postmaster(made), signal.SIGINT)  # a fast shutdown
        await returned(back)
        assert read(server.url) == (1,)


async def test_one_that_does_not_start_is_tried_again_with_longer_pauses_until_it_does(made, server):
    back = asyncio.Event()
    control = made / "database" / "cluster" / "global" / "pg_control"
    whole = control.read_bytes()
    with capture_logs() as logs:
        async with kept(server, on_return=back.set):
            control.write_bytes(b"not what it was")
            kill(made)
            failures = await until(lambda: failed(logs), lambda found: len(found) >= 3, patience_s=PATIENCE_S)
            control.write_bytes(whole)
            await returned(back)
    pauses = [failure["again_in_s"] for failure in failures]
    assert pauses == sorted(set(pauses))
    assert {failure["error"] for failure in failures} == {"database_broken"}
    assert read(server.url) == (1,)


@pytest.mark.parametrize("tries", [0, 1, 5, 50, 10_000])
def test_no_pause_is_longer_than_promised(server, tries):
    keeper = keeping.Keeper(server, on_return=lambda: None)
    keeper.tries = tries
    assert 0 <= keeper.pause_s() <= keeping.LONGEST_PAUSE_S


def test_of_many_who_miss_it_one_starts_it(made, server):
    others = [EmbeddedServer.start(made) for _ in range(3)]
    for _ in range(3):
        kill(made)
        with ThreadPoolExecutor() as pool:
            by_whom = list(pool.map(EmbeddedServer.revive, [server, *others]))
        assert sorted(by_whom) == [False, False, False, True]
        assert len(postmasters(made)) == 1
    for other in others:
        other.close()
    assert server.condition() is Condition.ALIVE


def test_one_whose_files_are_gone_is_not_made_anew(made, server):
    cluster = made / "database" / "cluster"
    kill(made)
    shutil.move(cluster, made / "away")
    with pytest.raises(Unavailable, match="database_broken"):
        server.revive()
    assert not cluster.exists()
    shutil.move(made / "away", cluster)
    assert server.revive()
    assert read(server.url) == (1,)


def test_it_comes_back_with_the_configuration_it_had(made):
    with EmbeddedServer.start(made, settings={"work_mem": "'5MB'"}), EmbeddedServer.start(made) as joined:
        kill(made)
        assert joined.revive()
        assert "work_mem = '5MB'" in (made / "database" / "topup.conf").read_text()


async def test_a_database_serves_again_by_itself_and_says_that_it_returned(made):
    settings = Settings(data_dir=made, demo=True, pool_size=2)
    async with Database.open(settings=settings) as database:
        kill(made)
        await returned(database.returned)
        assert len(postmasters(made)) == 1
        async with database.read() as transaction:
            await transaction.connection.execute("SELECT 1")
