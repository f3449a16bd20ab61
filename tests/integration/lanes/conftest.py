"""A database that tells every statement it executes."""

from collections.abc import AsyncIterator

import psycopg
import pytest

from tests.support.database import settings_for
from tests.support.statements import Recorded, tell_all
from topup.platform.database import Database


@pytest.fixture
def recorded() -> Recorded:
    return Recorded()


@pytest.fixture
async def database(_clusters, recorded, monkeypatch) -> AsyncIterator[Database]:
    """A database whose every statement is recorded. Debian's: the embedded one has no auto_explain."""
    cluster, connect = _clusters[15], psycopg.AsyncConnection.connect

    async def listening(*arguments, **options):
        connection = await connect(*arguments, **options)
        connection.add_notice_handler(recorded.hear)
        return connection

    monkeypatch.setattr(psycopg.AsyncConnection, "connect", listening)
    name = cluster.clone()
    with cluster.connect("postgres") as connection:
        tell_all(connection, name)
    async with Database.open(settings=settings_for(cluster.url(name)), migrating=False) as opened:
        yield opened
    cluster.drop(name)
