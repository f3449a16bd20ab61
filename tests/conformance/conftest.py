"""A house at each provider of the registry."""

import pytest

from tests.conformance.house import counterpart_of, opened


@pytest.fixture
async def house(plug, request, database, data_dir, http_client):
    """Paid through the provider of the plugin that the test is parametrised with."""
    data_dir.mkdir(exist_ok=True)
    async with opened(plug, counterpart_of(plug, request), database, data_dir / "keys", http_client) as house:
        yield house
