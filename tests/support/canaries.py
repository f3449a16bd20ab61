"""Where canaries are searched for: what this process logs, and everything that a database keeps."""

import io
import logging

import psycopg
import pytest
import structlog
from psycopg import sql

from topup.platform.logging import configure_logging


@pytest.fixture
def logs():
    """Everything this process logs from now on, as production writes it, at the finest level."""
    stream = io.StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    configure_logging(level="debug", console=False, stream=stream)
    structlog.configure(cache_logger_on_first_use=False)
    yield stream
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def stored(url: str) -> list[tuple[str, str]]:
    """Every column of every table of ours, as text (bytes as they would be read)."""
    found = []
    with psycopg.connect(url, autocommit=True) as connection:
        columns = connection.execute(
            "SELECT table_schema, table_name, column_name, data_type FROM information_schema.columns"
            " WHERE table_schema NOT IN ('pg_catalog', 'information_schema', 'public')"
        ).fetchall()
        for schema, table, column, kind in columns:
            shown = "encode({}, 'escape')" if kind == "bytea" else "{}::text"
            query = sql.SQL(f"SELECT {shown} FROM {{}}.{{}}").format(
                sql.Identifier(column), sql.Identifier(schema), sql.Identifier(table)
            )
            found += [(f"{schema}.{table}.{column}", value or "") for (value,) in connection.execute(query)]
    return found
