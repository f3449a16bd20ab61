"""Usages as they are kept: what each cost, by what price, from which buckets, and what was free and why."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal
from math import floor
from operator import attrgetter
from typing import Any, Final, Literal

import msgspec

from topup.catalogue.rates import Rate, Service
from topup.charging.rating import Rating
from topup.charging.usage.booking import Taken
from topup.charging.usage.facts import LineOfUsage
from topup.kernel.ids import LineId
from topup.platform.arrays import columns, selected
from topup.platform.database import Connection

Source = Literal["api", "file", "session"]

_WAIVED_DIGITS: Final = 6


@dataclass(frozen=True, slots=True)
class Part:
    """`amount` of `asset` for `quantity` used on `day`, for that reason; of money, `price_minor` for `per` units."""

    reason: str
    asset: str
    amount: int
    quantity: int
    day: date
    bucket_id: str | None = None
    price_minor: Decimal | None = None
    per: int | None = None


@dataclass(frozen=True, slots=True)
class FreePart:
    """`quantity` that cost nothing, and why; of a daily cap, about how many minor units it would have cost."""

    reason: str
    quantity: int
    day: date
    waived_minor: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRow:
    """A usage that was rated: the columns of `charging.usage_records`. It was of `msisdn` then."""

    lane: int
    line_id: LineId
    at: datetime
    id: str
    source: Source
    msisdn: str
    carrier_id: str
    catalogue_version: int
    service: Service
    country: str
    called: str | None
    quantity: int
    counted: int
    rate_id: str
    currency: str
    cost_minor: int
    parts: tuple[Part, ...]
    free: tuple[FreePart, ...]
    paid: tuple[Taken, ...]
    rated_at: datetime


@dataclass(frozen=True, slots=True)
class Place:
    """Where a usage is kept."""

    lane: int
    line_id: LineId
    at: datetime
    id: str


_NAMES: Final = tuple(field.name for field in fields(UsageRow))
_SELECTED: Final = selected(UsageRow, "r")
_JSON: Final = ("parts", "free", "paid")
_COLUMNS: Final = (*(name for name in _NAMES if name not in _JSON), *_JSON)
_plain: Final = attrgetter(*(name for name in _NAMES if name not in _JSON))
_TYPES: Final = {
    "lane": "smallint",
    "at": "timestamptz",
    "catalogue_version": "integer",
    "quantity": "bigint",
    "counted": "bigint",
    "cost_minor": "bigint",
    "rated_at": "timestamptz",
}
_INSERT: Final = f"""
INSERT INTO charging.usage_records ({", ".join(_COLUMNS)})
SELECT {", ".join(f"u.{name}::jsonb" if name in _JSON else f"u.{name}" for name in _COLUMNS)}
FROM unnest({", ".join(f"%b::{_TYPES.get(name, 'text')}[]" for name in _COLUMNS)}) AS u ({", ".join(_COLUMNS)})
"""
_AT_PLACES: Final = f"""
SELECT {_SELECTED}
FROM unnest(%b::smallint[], %b::text[], %b::timestamptz[], %b::text[]) AS wanted (lane, line_id, at, id)
JOIN charging.usage_records AS r
    ON r.lane = wanted.lane AND r.line_id = wanted.line_id AND r.at = wanted.at AND r.id = wanted.id
"""
_encode: Final = msgspec.json.Encoder().encode
_parts: Final = msgspec.json.Decoder(tuple[Part, ...]).decode
_free: Final = msgspec.json.Decoder(tuple[FreePart, ...]).decode
_paid: Final = msgspec.json.Decoder(tuple[Taken, ...]).decode


def parts_of(rating: Rating) -> tuple[Part, ...]:
    """What a rating charges, part by part; parts that came to no whole minor unit among them, for their quantity."""
    return tuple(
        Part(
            charge.reason,
            charge.asset,
            charge.amount,
            charge.quantity,
            charge.day,
            charge.bucket_id,
            charge.price_minor,
            charge.per,
        )
        for charge in rating.charges
    )


def free_of(rating: Rating) -> tuple[FreePart, ...]:
    """What a rating leaves free, part by part."""
    return tuple(
        FreePart(
            free.reason,
            free.quantity,
            free.day,
            Decimal(floor(free.waived * 10**_WAIVED_DIGITS)).scaleb(-_WAIVED_DIGITS).normalize()
            if free.waived
            else None,
        )
        for free in rating.free
    )


def row_of(
    line: LineOfUsage,
    tariff: Rate,
    rating: Rating,
    taken: Sequence[Taken],
    *,
    identifier: str,
    source: Source,
    msisdn: str,
    country: str,
    called: str | None,
    quantity: int,
    at: datetime,
    now: datetime,
) -> UsageRow:
    """A usage of `line`, rated by `tariff` in one go, and what was taken for it."""
    parts = parts_of(rating)
    return UsageRow(
        lane=line.ref.lane,
        line_id=line.ref.id,
        at=at,
        id=identifier,
        source=source,
        msisdn=msisdn,
        carrier_id=line.carrier.carrier_id,
        catalogue_version=line.carrier.version,
        service=tariff.service,
        country=country,
        called=called,
        quantity=quantity,
        counted=rating.counted,
        rate_id=tariff.id,
        currency=line.currency,
        cost_minor=sum(part.amount for part in parts if part.bucket_id is None),
        parts=parts,
        free=free_of(rating),
        paid=tuple(taken),
        rated_at=now,
    )


async def write(connection: Connection, rows: Sequence[UsageRow]) -> None:
    """Write usages down, in the transaction that charges for them."""
    if rows:
        await connection.execute(_INSERT, columns([_said(row) for row in rows]))


async def at_places(connection: Connection, places: Sequence[Place]) -> dict[Place, UsageRow]:
    """The usages kept there."""
    if not places:
        return {}
    rows = [(place.lane, place.line_id, place.at, place.id) for place in places]
    cursor = await connection.execute(_AT_PLACES, columns(rows))
    found = [made(row) for row in await cursor.fetchall()]
    return {Place(row.lane, row.line_id, row.at, row.id): row for row in found}


def made(row: tuple[Any, ...]) -> UsageRow:
    """A usage from the columns SELECTED."""
    said = dict(zip(_NAMES, row, strict=True))
    return UsageRow(
        **said
        | {
            "parts": _parts(_encode(said["parts"])),
            "free": _free(_encode(said["free"])),
            "paid": _paid(_encode(said["paid"])),
        }
    )


SELECTED: Final = _SELECTED
"""The columns of a usage called `r`, in the order `made` takes them."""


def _said(row: UsageRow) -> tuple[Any, ...]:
    return *_plain(row), _encode(row.parts).decode(), _encode(row.free).decode(), _encode(row.paid).decode()
