"""What carriers announced: where their network does not work, since when, and until when that is expected."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg.types.json import Jsonb

from topup.kernel.errors import Invalid, NotFound
from topup.kernel.ids import new_id
from topup.platform.database import Connection
from topup.platform.i18n import DEFAULT_LOCALE

LONGEST_TEXT: Final = 300

_COLUMNS = "id, carrier_id, texts, starts_at, ends_at, announced_at, over"
_NOW = f"""
SELECT {_COLUMNS} FROM care.outages
WHERE NOT over AND carrier_id = ANY (%s) AND starts_at <= %s AND (ends_at IS NULL OR ends_at > %s)
ORDER BY starts_at, id
"""
_FORCE = f"""
SELECT {_COLUMNS} FROM care.outages
WHERE NOT over AND starts_at <= %s AND (ends_at IS NULL OR ends_at > %s) ORDER BY starts_at, id LIMIT 10
"""
_ALL = f"SELECT {_COLUMNS} FROM care.outages ORDER BY announced_at DESC, id LIMIT 200"
_INSERT = """
INSERT INTO care.outages (id, carrier_id, texts, starts_at, ends_at, announced_at) VALUES (%s, %s, %s, %s, %s, %s)
"""
_END = "UPDATE care.outages SET over = true, ends_at = %s WHERE id = %s AND NOT over RETURNING id"


@dataclass(frozen=True, slots=True)
class Outage:
    """An announcement; `ends_at` is when it is expected to be over (None: nobody knows)."""

    id: str
    carrier_id: str
    texts: Mapping[str, str]
    starts_at: datetime
    ends_at: datetime | None
    announced_at: datetime
    over: bool


async def outages_now(connection: Connection, carriers: Sequence[str], now: datetime) -> list[Outage]:
    """What is announced for these carriers and in force."""
    cursor = await connection.execute(_NOW, (list(carriers), now, now))
    return [Outage(*row) for row in await cursor.fetchall()]


async def in_force(connection: Connection, now: datetime) -> list[Outage]:
    """What is announced of any carrier and in force; ten at most."""
    return [Outage(*row) for row in await (await connection.execute(_FORCE, (now, now))).fetchall()]


async def all_outages(connection: Connection) -> list[Outage]:
    """The last 200 announcements, the newest first."""
    return [Outage(*row) for row in await (await connection.execute(_ALL)).fetchall()]


async def announce(
    connection: Connection,
    *,
    carrier_id: str,
    texts: Mapping[str, str],
    starts_at: datetime,
    ends_at: datetime | None,
    now: datetime,
) -> str:
    """Announce one; its id. The carrier is one of the catalogue's: the caller has looked. Raises Invalid
    `outage_text_wrong`, `outage_ends_first`.
    """
    if not texts.get(DEFAULT_LOCALE) or any(len(text) > LONGEST_TEXT for text in texts.values()):
        raise Invalid("outage_text_wrong", longest=LONGEST_TEXT)
    if ends_at is not None and ends_at <= starts_at:
        raise Invalid("outage_ends_first")
    outage_id = new_id("outage", 0)
    await connection.execute(_INSERT, (outage_id, carrier_id, Jsonb(dict(texts)), starts_at, ends_at, now))
    return outage_id


async def end(connection: Connection, outage_id: str, now: datetime) -> None:
    """It is over. Raises NotFound `outage_unknown`, also where it was over already."""
    row = await (await connection.execute(_END, (now, outage_id))).fetchone()
    if row is None:
        raise NotFound("outage_unknown")
