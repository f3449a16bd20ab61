"""PostgreSQL servers that are restarted, killed and filled up, and Debian's over TCP with an owner of few rights."""

import contextlib
import os
import secrets
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from tests.support.database import DEBIAN, temporary_data_dir
from tests.support.serving import free_socket
from topup.platform.embedded import EmbeddedServer
from topup.platform.embedded.account import server_account

PATIENCE_S = "60"


def restart(server: EmbeddedServer) -> None:
    """`pg_ctl restart -m fast`: what an operator does; sessions are cut off."""
    cluster = server.home / "cluster"
    words = ["restart", "-s", "-D", cluster, "-m", "fast", "-w", "-t", PATIENCE_S, "-l", server.home / "server.log"]
    answer = server_account().run(server.programs / "pg_ctl", *words)
    assert answer.returncode == 0, answer.stderr


def kill_and_start(server: EmbeddedServer, data_dir: Path) -> None:
    """kill -9 of the postmaster, and the next one who needs the database brings it up."""
    postmaster = int((server.home / "cluster" / "postmaster.pid").read_text().split("\n", 1)[0])
    os.kill(postmaster, signal.SIGKILL)
    EmbeddedServer.start(data_dir).close()


@contextlib.contextmanager
def small_disk(directory: Path, *, megabytes: int) -> Iterator[None]:
    """A disk of that size at `directory`; skips where this machine does not let us mount one."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    options = f"size={megabytes}m,mode=0711"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "topup-test", directory], check=False)
    if mounted.returncode:
        pytest.skip("mounting a small disk is not allowed here")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", directory], check=True)


@contextlib.contextmanager
def filled(directory: Path) -> Iterator[None]:
    """Not a block is left on the disk while the block runs."""
    ballast = directory / "ballast"
    try:
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        yield
    finally:
        ballast.unlink(missing_ok=True)


@contextlib.contextmanager
def debian_over_tcp() -> Iterator[str]:
    """The address of an empty database in Debian's server, owned by a user who may create roles and nothing else."""
    if not DEBIAN.exists():
        pytest.skip("Debian's postgresql-15 is not installed")
    account = server_account()
    with temporary_data_dir() as place, free_socket() as bound:
        place.mkdir(mode=0o711)
        account.own(place)
        port, phrase = bound.getsockname()[1], secrets.token_urlsafe(16)
        word = place / "word"
        word.write_text(phrase)
        account.own(word)
        cluster = place / "cluster"
        _run(
            account,
            "initdb",
            "-D",
            cluster,
            "-U",
            "administrator",
            f"--pwfile={word}",
            "-A",
            "scram-sha-256",
            "-E",
            "UTF8",
            "-N",
        )
        bound.close()
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
        _run(account, "pg_ctl", "start", "-s", "-w", "-D", cluster, "-o", options, "-l", place / "server.log")
        try:
            where = f"127.0.0.1:{port}"
            administrator = f"postgresql://administrator:{phrase}@{where}/postgres"
            with psycopg.connect(administrator, autocommit=True) as connection:
                role = sql.SQL("CREATE ROLE operator LOGIN CREATEROLE PASSWORD {}").format(phrase)
                connection.execute(role)
                connection.execute("CREATE DATABASE shop OWNER operator")
            yield f"postgresql://operator:{phrase}@{where}/shop"
        finally:
            _run(account, "pg_ctl", "stop", "-s", "-w", "-D", cluster, "-m", "immediate")


def _run(account, program: str, *words: str | Path) -> None:
    answer = account.run(DEBIAN / program, *words)
    assert answer.returncode == 0, answer.stderr
