"""Every statement the database really executes, inside its functions too, each with the plan it was executed by.

PostgreSQL tells (auto_explain), not our source: what was assembled, what a function does, what a foreign key asks.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

from topup.platform.database import Database

HOT = ("ledger", "orders", "lines", "payments", "charging", "offers")
"""The rooms whose tables every top-up and every use writes."""

DIRECTORY = {"lines.numbers"}
"""Asked by number for the lane of its line: its key is the number."""

_SETTINGS = {
    "session_preload_libraries": "auto_explain",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_nested_statements": "on",
    "auto_explain.log_verbose": "on",
    "auto_explain.log_format": "json",
    "auto_explain.log_level": "notice",
    # On a few rows everything is quickest read whole. What only a whole table can answer is read so all the same.
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_bitmapscan": "off",
}
_WITH_LANE = """
SELECT c.relnamespace::regnamespace || '.' || c.relname FROM pg_class AS c
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'lane'
WHERE c.relkind IN ('r', 'p') AND c.relnamespace::regnamespace::text = ANY (%s)
"""

Node = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Read:
    """How a statement reaches rows of a table: by what index, under what condition. `table` has its schema."""

    table: str
    index: str | None
    condition: str

    @property
    def names_lane(self) -> bool:
        """Whether only rows of one lane can be what is looked at, for each item that is looked up."""
        return re.search(r"\blane\b", self.condition) is not None


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement as it was executed, and its plan."""

    text: str
    plan: Node = field(hash=False, compare=False)

    @property
    def reads(self) -> list[Read]:
        """Every look at a table."""
        return [
            Read(_table(node), node.get("Index Name"), node.get("Index Cond", ""))
            for node in _nodes(self.plan)
            if "Relation Name" in node and node["Node Type"] != "ModifyTable"
        ]

    @property
    def writes(self) -> set[str]:
        """The tables it changes."""
        return {_table(node) for node in _nodes(self.plan) if node["Node Type"] == "ModifyTable"}


class Recorded:
    """What was executed on one database since it was told to say so, each statement once for each of its plans."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], Statement] = {}

    @property
    def statements(self) -> list[Statement]:
        return list(self._found.values())

    def hear(self, diagnostic: psycopg.errors.Diagnostic) -> None:
        said = diagnostic.message_primary or ""
        if not said.startswith("duration:"):
            return
        told = json.loads(said[said.index("{") :])
        plan = told["Plan"]
        self._found[told["Query Text"], _shape(plan)] = Statement(" ".join(told["Query Text"].split()), plan)

    def laneless(self, tables: set[str]) -> dict[str, set[Read]]:
        """The statements that look at these tables without a lane, and what they look at so."""
        found = {
            statement.text: {read for read in statement.reads if read.table in tables and not read.names_lane}
            for statement in self.statements
        }
        return {text: reads for text, reads in found.items() if reads}

    def over_all_lanes(self, tables: set[str]) -> dict[str, set[str]]:
        """The ways in which these tables are reached over all lanes (`table by index`), and the statements that do."""
        found = defaultdict(set)
        for text, reads in self.laneless(tables).items():
            for read in reads:
                found[f"{read.table} by {read.index}"].add(text)
        return found

    def touched(self) -> set[str]:
        """The tables that were read or written."""
        read = {read.table for statement in self.statements for read in statement.reads}
        return read.union(*(statement.writes for statement in self.statements))


def tell_all(connection: psycopg.Connection, name: str) -> None:
    """Have the database `name` tell each connection that is made from now on what it executes for it."""
    for setting, value in _SETTINGS.items():
        connection.execute(
            sql.SQL("ALTER DATABASE {} SET {} = {}").format(
                sql.Identifier(name),
                sql.SQL(setting),
                sql.SQL(value if setting.startswith("session") else f"'{value}'"),
            )
        )


async def hot_tables(database: Database) -> set[str]:
    """The tables of the hot rooms that have lanes, but for the directory."""
    async with database.read() as transaction:
        cursor = await transaction.connection.execute(_WITH_LANE, (list(HOT),))
        return {table for (table,) in await cursor.fetchall()} - DIRECTORY


def _nodes(plan: Node) -> Iterator[Node]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from _nodes(inner)


def _table(node: Node) -> str:
    return f"{node['Schema']}.{node['Relation Name']}"


def _shape(plan: Node) -> str:
    kept = ("Node Type", "Relation Name", "Index Name", "Index Cond")
    return json.dumps([[node.get(name) for name in kept] for node in _nodes(plan)])
