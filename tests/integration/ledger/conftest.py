"""A database on each PostgreSQL we promise to run on."""

import pytest

from tests.support.database import settings_for
from topup.platform.database import Database


@pytest.fixture
def any_database_url(any_postgres):
    name = any_postgres.clone()
    yield any_postgres.url(name)
    any_postgres.drop(name)


@pytest.fixture
async def any_database(any_database_url):
    async with Database.open(settings=settings_for(any_database_url), migrating=False) as opened:
        yield opened
