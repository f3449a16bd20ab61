"""The first schema: a room per file, lower rooms first."""

from typing import Any, Final, cast

import psycopg
from alembic import op

from topup.platform.migrations import SQL, run_files

revision: Final = "0001"
down_revision: Final = None

_ROOMS: Final = (
    "platform",
    "work",
    "notifications",
    "people",
    "catalogue",
    "ledger",
    "lines",
    "charging_sharing",
    "charging_usage",
    "charging_sessions",
    "payments",
    "fulfilment",
    "orders",
)


def upgrade() -> None:
    """Create the schemas of all rooms."""
    names = [f"0001_{room}" for room in _ROOMS]
    connection = cast("psycopg.Connection[tuple[Any, ...]]", op.get_bind().connection.driver_connection)
    run_files(connection, [name for name in names if (SQL / f"{name}.sql").exists()])
