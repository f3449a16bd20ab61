"""PostgreSQL for tests: one cluster per test process, a migrated template in it, a fresh clone of that for each test.

`postgres` is the embedded 18, or with TOPUP_TEST_POSTGRES=15 Debian's; `any_postgres` runs a test on each.
"""

import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from topup.platform.database import Database
from topup.platform.embedded import EmbeddedServer
from topup.platform.migrations import migrate
from topup.platform.settings import Settings

DEBIAN = Path("/usr/lib/postgresql/15/bin")
QUICK = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "'64MB'", "autovacuum": "off"}
TEMPLATE = "topup_template"
MEMORY = Path("/dev/shm")  # noqa: S108 - only mkdtemp writes there
ROOM_BYTES = 4 * 2**30


@dataclass
class Cluster:
    """A running server in which tests make databases."""

    server: EmbeddedServer
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def version(self) -> int:
        with self.connect("postgres") as connection:
            return connection.info.server_version // 10_000

    def url(self, name: str) -> str:
        return make_conninfo(self.server.url, dbname=name)

    def connect(self, name: str) -> psycopg.Connection:
        return psycopg.connect(self.url(name), autocommit=True)

    def prepare_template(self) -> None:
        self.create(TEMPLATE)
        migrate(self.url(TEMPLATE))

    def create(self, name: str) -> None:
        with self.connect("postgres") as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))

    def clone(self, template: str = TEMPLATE) -> str:
        name = f"test_{next(self._numbers)}"
        with self.connect("postgres") as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(
                    sql.Identifier(name), sql.Identifier(template)
                )
            )
        return name

    def drop(self, name: str) -> None:
        with self.connect("postgres") as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


KEEPER = """
import sys
if sys.stdin.read() != "done":
    import contextlib, pathlib, shutil, subprocess
    from topup.kernel.errors import Unavailable
    from topup.platform.embedded import EmbeddedServer
    above = pathlib.Path(sys.argv[1])
    for cluster in list(above.glob("**/database/cluster")):
        with contextlib.suppress(Unavailable):
            EmbeddedServer.start(cluster.parent.parent).close()
    if not list(above.glob("**/database/cluster/postmaster.pid")):
        if (above / "data").is_mount():
            subprocess.run(["umount", above / "data"])
        shutil.rmtree(above, ignore_errors=True)
"""
"""Waits for the tests to end; when they were killed, stops the servers of their directory and removes it."""


@contextmanager
def temporary_data_dir() -> Iterator[Path]:
    """A data directory that a system user may reach, as pytest's `tmp_path` may not; in memory where there is room."""
    roomy = MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM_BYTES
    above = Path(tempfile.mkdtemp(prefix="topup-tests-", dir=MEMORY if roomy else None))
    above.chmod(0o711)
    # In a session of its own: what ends the tests must not end the one who cleans up after them.
    with subprocess.Popen(
        [sys.executable, "-c", KEEPER, str(above)], stdin=subprocess.PIPE, text=True, start_new_session=True
    ) as keeper:
        try:
            yield above / "data"
        finally:
            shutil.rmtree(above)
            keeper.communicate("done")


@contextmanager
def running_cluster(version: int) -> Iterator[Cluster]:
    if version == 15 and not DEBIAN.exists():
        pytest.skip("Debian's postgresql-15 is not installed")
    with temporary_data_dir() as data_dir:
        data_dir.mkdir(mode=0o700)
        programs = DEBIAN if version == 15 else None
        with EmbeddedServer.start(data_dir, programs=programs, settings=QUICK) as server:
            cluster = Cluster(server)
            cluster.prepare_template()
            yield cluster


def settings_for(url: str, **changes) -> Settings:
    """Settings of a test's process: its database, a small pool, development mode."""
    return Settings(**{"database_url": url, "demo": True, "pool_size": 4, "pool_wait_s": 30.0, **changes})


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    with running_cluster(int(os.environ.get("TOPUP_TEST_POSTGRES", "18"))) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def _clusters(postgres: Cluster) -> Iterator[dict[int, Cluster]]:
    other = 15 if postgres.version == 18 else 18
    with running_cluster(other) as cluster:
        yield {postgres.version: postgres, other: cluster}


@pytest.fixture(params=[15, 18], ids=["pg15", "pg18"])
def any_postgres(request: pytest.FixtureRequest, _clusters: dict[int, Cluster]) -> Cluster:
    return _clusters[request.param]


@pytest.fixture
def database_url(postgres: Cluster) -> Iterator[str]:
    """The address of a fresh database, migrated and empty; its user owns it."""
    name = postgres.clone()
    yield postgres.url(name)
    postgres.drop(name)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A fresh database, opened as the application opens it."""
    async with Database.open(settings=settings_for(database_url), migrating=False) as opened:
        yield opened


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A data directory's path, not made yet."""
    with temporary_data_dir() as path:
        yield path
