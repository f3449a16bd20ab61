"""An installation to be killed, on a database of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.chaos import Topup, topup_at
from tests.support.crowd import Crowd, crowd_of


@pytest.fixture
async def topup(data_dir: Path, database_url: str) -> AsyncIterator[Topup]:
    """Not started yet."""
    async with topup_at(data_dir, database_url, TOPUP_DATABASE_URL=database_url) as installed:
        yield installed


@pytest.fixture
async def crowd(topup: Topup) -> AsyncIterator[Crowd]:
    """People of that installation."""
    async with crowd_of(topup) as people:
        yield people
