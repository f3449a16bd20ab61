"""An installation in a world of its own, for tests that write their own history."""

import pytest
import structlog

from tests.simulation.shop import Installation
from tests.simulation.world import World
from tests.support.desk import publish_demonstration


@pytest.fixture
async def here(database, database_url, data_dir):
    """An installation with the demonstration's carriers."""
    await publish_demonstration(database)
    data_dir.mkdir(exist_ok=True)
    installation = await Installation.open(database_url, data_dir / "keys", World())
    yield installation
    await installation.close()


@pytest.fixture(autouse=True)
def plain_logs():
    """Tracebacks as production writes them: the development ones print every local variable, which takes seconds."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(),
        ]
    )
    yield
    structlog.reset_defaults()
