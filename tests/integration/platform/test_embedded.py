"""The life of the embedded server: started, joined, left, killed."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import psycopg
import pytest

from tests.support.embedded import USER, Process, as_root, lives, mode, postmaster, read, write
from topup.platform.embedded import EmbeddedServer, place
from topup.platform.embedded.account import server_account


def test_it_starts_keeps_what_was_written_and_stops(made):
    with EmbeddedServer.start(made) as first:
        write(first.url)
        process = postmaster(made)
        assert lives(process)
    assert not lives(process)
    with EmbeddedServer.start(made) as second:
        assert read(second.url) == (1,)


def test_others_join_and_the_last_stops_it(made):
    here = EmbeddedServer.start(made)
    process = postmaster(made)
    there = Process(made)
    assert there.url == here.url
    here.close()
    assert lives(process)
    write(there.url)
    there.leave()
    assert not lives(process)


def test_many_first_starts_at_once_make_one_cluster(made):
    children = [
        subprocess.Popen(
            [sys.executable, "-c", USER, str(made)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    urls = {child.stdout.readline() for child in children}
    assert len(urls) == 1
    write(urls.pop().strip())
    for child in children:
        child.communicate("\n", timeout=60)
        assert child.returncode == 0
    assert postmaster(made) is None


def test_those_who_come_first_at_one_moment_find_one_place(made):
    for number in range(30):
        directory = made / str(number)
        directory.mkdir(mode=0o700)
        together = Barrier(6)

        def come(_number, directory=directory, together=together):
            together.wait()
            return place.prepare(directory, server_account())

        with ThreadPoolExecutor(6) as pool:
            assert len(set(pool.map(come, range(6)))) == 1


@as_root
def test_a_data_directory_that_was_closed_meanwhile_is_opened_for_the_server_only(made):
    with EmbeddedServer.start(made):
        pass
    made.chmod(0o700)
    with EmbeddedServer.start(made):
        assert mode(made) == 0o710


def test_a_killed_user_leaves_a_server_that_the_next_one_joins_and_stops(made):
    killed = Process(made)
    process = postmaster(made)
    write(killed.url)
    killed.kill()
    assert lives(process)
    with EmbeddedServer.start(made) as next_one:
        assert postmaster(made) == process
        assert read(next_one.url) == (1,)
    assert not lives(process)


def test_a_killed_server_is_started_again_with_what_was_committed(made):
    with EmbeddedServer.start(made) as first:
        write(first.url)
        process = postmaster(made)
        os.kill(process, signal.SIGKILL)
        with EmbeddedServer.start(made) as second:
            assert postmaster(made) != process
            assert read(second.url) == (1,)
        assert lives(postmaster(made)), "the first one uses it still"


def test_a_lock_file_that_names_another_living_program_does_not_keep_it_from_starting(made):
    with EmbeddedServer.start(made) as first:
        write(first.url)
        os.kill(postmaster(made), signal.SIGKILL)
        file = made / "database" / "cluster" / "postmaster.pid"
        with subprocess.Popen(["sleep", "1000"], **_as_server()) as other:
            try:
                lines = file.read_text().split("\n")
                file.write_text("\n".join([str(other.pid), *lines[1:]]))
                with EmbeddedServer.start(made) as second:
                    assert read(second.url) == (1,)
                assert other.poll() is None
            finally:
                other.kill()


def test_a_lock_file_that_names_another_clusters_server_does_not_keep_it_from_starting(made, postgres):
    with EmbeddedServer.start(made) as first:
        write(first.url)
        os.kill(postmaster(made), signal.SIGKILL)
        other = int((postgres.server.home / "cluster" / "postmaster.pid").read_text().split("\n")[0])
        file = made / "database" / "cluster" / "postmaster.pid"
        file.write_text("\n".join([str(other), *file.read_text().split("\n")[1:]]))
        with EmbeddedServer.start(made) as second:
            assert read(second.url) == (1,)
        assert lives(other)


def _as_server():
    account = server_account()
    return {"user": account.uid, "group": account.gid, "extra_groups": []} if account.borrowed else {}


def test_only_its_owner_may_enter_and_nothing_listens_on_the_network(made):
    with EmbeddedServer.start(made) as running:
        home = made / "database"
        assert mode(home / "cluster") == 0o700
        assert mode(home / "socket") == 0o700
        assert [mode(home / name) for name in ("password", "gate.lock", "use.lock")] == [0o600] * 3
        assert mode(made) & 0o007 == 0
        with psycopg.connect(running.url) as connection:
            assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
            assert connection.execute("SHOW fsync").fetchone() == ("on",)
            assert connection.execute("SHOW synchronous_commit").fetchone() == ("on",)
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(running.url, password="wrong")


def test_a_long_path_gets_a_short_socket_that_is_removed_again(made):
    deep = made / ("long" * 20) / ("path" * 20)
    deep.mkdir(parents=True, mode=0o755)
    (made / ("long" * 20)).chmod(0o755)
    made.chmod(0o711)
    first = EmbeddedServer.start(deep)
    short = (deep / "database" / "socket").readlink()
    with EmbeddedServer.start(deep) as second:
        assert second.url == first.url
        assert mode(short) == 0o700
    first.close()
    assert not short.exists()


def test_an_initialisation_cut_short_is_begun_anew(made):
    home = place.prepare(made, server_account())
    (home / "cluster.unfinished" / "base").mkdir(parents=True)
    (home / "cluster.unfinished" / "PG_VERSION").write_text("18")
    with EmbeddedServer.start(made) as running:
        write(running.url)


def test_a_database_lost_between_initialisation_and_creation_is_made(made):
    with (
        EmbeddedServer.start(made) as running,
        psycopg.connect(running.url, dbname="postgres", autocommit=True) as direct,
    ):
        direct.execute("DROP DATABASE topup")
    with EmbeddedServer.start(made) as again:
        write(again.url)
