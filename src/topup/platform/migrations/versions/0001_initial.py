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
    "work_trail",
    "notifications",
    "people",
    "staff",
    "subscribers",
    "agents",
    "catalogue",
    "ledger",
    "lines",
    "lines_plans",
    "line_owners",
    "line_cards",
    "offers",
    "charging_sharing",
    "charging_usage",
    "charging_sessions",
    "payments",
    "payments_disputes",
    "payments_balance",
    "payments_transfers",
    "payments_vouchers",
    "payments_cash",
    "payments_terminal",
    "payments_floats",
    "payments_instruments",
    "fulfilment",
    "orders",
    "orders_elsewhere",
    "orders_schedules",
    "shops",
    "shops_printing",
    "shops_displays",
    "shops_stock",
    "care",
    "reconciliation",
)


def upgrade() -> None:
    """Create the schemas of all rooms."""
    names = [f"0001_{room}" for room in _ROOMS]
    connection = cast("psycopg.Connection[tuple[Any, ...]]", op.get_bind().connection.driver_connection)
    run_files(connection, [name for name in names if (SQL / f"{name}.sql").exists()])
