"""Reading SIM cards: whose a card is, which card a line has, and which it had."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from topup.kernel.errors import NotFound
from topup.kernel.ids import LineId
from topup.kernel.sim_cards import Iccid, Imsi, InvalidCard, parse_iccid, possible_iccids
from topup.lines.cards.states import CardKind, CardState, Given
from topup.lines.queries import LineRef
from topup.platform.database import Connection

MOST_SHOWN: Final = 50

_CARD: Final = "c.id, c.iccid, c.imsi, c.carrier_id, c.kind, c.state, c.sku, c.lane, c.line_id, c.state_since"
_OF_LINE: Final = f"""
SELECT {_CARD} FROM lines.card_uses AS u JOIN lines.cards AS c ON c.id = u.card_id
WHERE u.lane = %s AND u.line_id = %s AND u.until IS NULL
"""
_USES: Final = f"""
SELECT u.id, u.since, u.until, u.reason, u.place, u.given_by, {_CARD}
FROM lines.card_uses AS u JOIN lines.cards AS c ON c.id = u.card_id
WHERE u.lane = %s AND u.line_id = %s
"""
_NUMBER: Final = """
SELECT n.msisdn FROM lines.card_uses AS u
JOIN lines.lines AS l ON l.lane = u.lane AND l.id = u.line_id AND l.status <> 'closed'
JOIN lines.numbers AS n ON n.lane = u.lane AND n.line_id = u.line_id AND n.until IS NULL
WHERE u.lane = %s AND u.line_id = %s AND u.card_id = %s AND u.until IS NULL
"""


@dataclass(frozen=True, slots=True)
class Card:
    """A SIM card as it stands; `line`: which it serves, or served last; `sku`: what shops have it in stock as."""

    id: str
    iccid: Iccid
    imsi: Imsi | None
    carrier_id: str
    kind: CardKind
    state: CardState
    sku: str | None
    line: LineRef | None
    state_since: datetime


@dataclass(frozen=True, slots=True)
class CardUse:
    """A time for which a line had a card: `place` is the shop that gave it out, or empty."""

    id: str
    since: datetime
    until: datetime | None
    reason: Given
    place: str
    given_by: str
    card: Card


async def card_scanned(connection: Connection, text: str) -> Card:
    """The card whose ICCID was typed or scanned, with its check digit or without. Raises InvalidCard, NotFound
    `card_unknown`.
    """
    possible = possible_iccids(text)
    card = await card_with_iccid(connection, possible)
    if card is not None:
        return card
    try:
        parse_iccid(text)
    except InvalidCard as problem:
        # Nineteen digits may lack a twentieth; where no such card is known, one of them is wrong.
        if not possible or problem.code == "iccid_mistyped":
            raise
    raise NotFound("card_unknown")


async def card_with_iccid(connection: Connection, possible: Sequence[Iccid]) -> Card | None:
    """The card with one of these numbers, the first that there is. For staff, and for the owner of its line."""
    cursor = await connection.execute(
        f"SELECT {_CARD} FROM lines.cards AS c WHERE c.iccid = ANY (%s)", [[one.digits for one in possible]]
    )
    found = {row[1]: card_of(row) for row in await cursor.fetchall()}
    return next((found[one.digits] for one in possible if one.digits in found), None)


async def card_with_imsi(connection: Connection, imsi: Imsi) -> Card | None:
    """The card that networks know by this number. For staff, and for the owner of its line."""
    cursor = await connection.execute(f"SELECT {_CARD} FROM lines.cards AS c WHERE c.imsi = %s", [imsi.digits])
    row = await cursor.fetchone()
    return card_of(row) if row else None


async def one_card(connection: Connection, card_id: str, *, lock: bool = False) -> Card:
    """A card by its id; raises NotFound `card_unknown`."""
    cursor = await connection.execute(
        f"SELECT {_CARD} FROM lines.cards AS c WHERE c.id = %s{' FOR UPDATE' if lock else ''}", [card_id]
    )
    row = await cursor.fetchone()
    if row is None:
        raise NotFound("card_unknown")
    return card_of(row)


async def card_of_line(connection: Connection, line: LineRef) -> Card | None:
    """The card a line has now; None where none is known."""
    row = await (await connection.execute(_OF_LINE, (line.lane, line.id))).fetchone()
    return card_of(row) if row else None


async def number_served(connection: Connection, card: Card) -> str | None:
    """The number (E.164) of the line a card serves; None where it serves none, or the line ended."""
    if card.line is None:
        return None
    row = await (await connection.execute(_NUMBER, (card.line.lane, card.line.id, card.id))).fetchone()
    return str(row[0]) if row else None


async def uses_of_line(connection: Connection, line: LineRef) -> list[CardUse]:
    """The cards a line has and had, the newest first, at most MOST_SHOWN."""
    cursor = await connection.execute(f"{_USES} ORDER BY u.since DESC LIMIT {MOST_SHOWN}", (line.lane, line.id))
    return [_use_of(row) for row in await cursor.fetchall()]


async def use_under(connection: Connection, line: LineRef, key: str) -> CardUse | None:
    """What a line was given under a key."""
    cursor = await connection.execute(f"{_USES} AND u.key = %s", (line.lane, line.id, key))
    row = await cursor.fetchone()
    return _use_of(row) if row else None


async def one_use(connection: Connection, lane: int, use_id: str) -> tuple[LineRef, CardUse]:
    """A time a line had a card, by its id, with the line; raises NotFound `card_use_unknown`."""
    cursor = await connection.execute("SELECT line_id FROM lines.card_uses WHERE lane = %s AND id = %s", (lane, use_id))
    row = await cursor.fetchone()
    if row is None:
        raise NotFound("card_use_unknown")
    line = LineRef(lane, LineId(row[0]))
    cursor = await connection.execute(f"{_USES} AND u.id = %s", (line.lane, line.id, use_id))
    found = await cursor.fetchone()
    if found is None:
        raise NotFound("card_use_unknown")
    return line, _use_of(found)


def card_of(row: Sequence[Any]) -> Card:
    """A card from its columns."""
    card_id, iccid, imsi, carrier_id, kind, state, sku, lane, line_id, since = row
    return Card(
        card_id,
        Iccid(iccid),
        Imsi(imsi) if imsi else None,
        carrier_id,
        CardKind(kind),
        CardState(state),
        sku,
        LineRef(lane, LineId(line_id)) if line_id else None,
        since,
    )


def _use_of(row: Sequence[Any]) -> CardUse:
    use_id, since, until, reason, place, given_by, *card = row
    return CardUse(use_id, since, until, Given(reason), place, given_by, card_of(card))
