"""Giving lines cards, and blocking them, in the caller's transaction. What raises must not commit.

A line is locked before its cards, and of two cards the one that leaves first: two that replace one line's card, or give
one blank card to two lines, come one after the other, and the second is refused.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from topup.kernel.errors import Conflict, NotFound
from topup.kernel.ids import new_id
from topup.lines.cards.queries import Card, CardUse, card_of_line, one_card, use_under
from topup.lines.cards.states import CARD, CardState, Given
from topup.lines.queries import LineRef
from topup.platform.database import Connection

_LOCK: Final = "SELECT carrier_id, status FROM lines.lines WHERE lane = %s AND id = %s FOR UPDATE"
_ADVANCE: Final = """
UPDATE lines.cards SET state = %(state)s, state_since = %(now)s, lane = %(lane)s, line_id = %(line)s
WHERE id = %(id)s AND state = ANY (%(sources)s) RETURNING id
"""
_END: Final = "UPDATE lines.card_uses SET until = %s WHERE lane = %s AND line_id = %s AND until IS NULL"
_BEGIN: Final = """
INSERT INTO lines.card_uses (lane, line_id, id, card_id, since, reason, key, place, given_by)
VALUES (%(lane)s, %(line)s, %(id)s, %(card)s, %(now)s, %(reason)s, %(key)s, %(place)s, %(by)s)
"""
# What a line lives in follows its card; whether it keeps a number or travels does not.
_KIND: Final = """
UPDATE lines.lines SET kind = %s WHERE lane = %s AND id = %s AND kind IN ('physical', 'esim') AND kind <> %s
"""


@dataclass(frozen=True, slots=True)
class Giving:
    """A card for a line: `key` is the caller's, `place` the shop that gives it out (empty: none), `by` who."""

    line: LineRef
    card_id: str
    reason: Given
    key: str
    by: str
    place: str = ""


async def give(connection: Connection, giving: Giving, now: datetime) -> CardUse:
    """From now on a blank card serves a line; the one it had is replaced, for ever. The same again under its key gives
    nothing: it comes back as it was written.

    Raises NotFound `line_unknown`, `card_unknown`; Conflict `line_closed`, `card_of_another_carrier`, `card_not_blank`
    (with its `state`), `card_key_reused`.
    """
    line = giving.line
    row = await (await connection.execute(_LOCK, (line.lane, line.id))).fetchone()
    if row is None:
        raise NotFound("line_unknown")
    before = await use_under(connection, line, giving.key)
    if before is not None:
        if (before.card.id, before.reason) != (giving.card_id, giving.reason):
            raise Conflict("card_key_reused")
        return before
    carrier_id, status = row
    if status == "closed":
        raise Conflict("line_closed")
    old = await card_of_line(connection, line)
    card = await one_card(connection, giving.card_id, lock=True)
    if card.carrier_id != carrier_id:
        raise Conflict("card_of_another_carrier")
    if old is not None:
        await _advance(connection, old, CardState.REPLACED, now, line=line)
        await connection.execute(_END, (now, line.lane, line.id))
    await _advance(connection, card, CardState.ACTIVE, now, line=line, sources=(CardState.BLANK,))
    parameters = {
        "lane": line.lane,
        "line": line.id,
        "id": new_id("card_use", line.lane),
        "card": card.id,
        "now": now,
        "reason": giving.reason.value,
        "key": giving.key,
        "place": giving.place,
        "by": giving.by,
    }
    await connection.execute(_BEGIN, parameters)
    await connection.execute(_KIND, (card.kind.value, line.lane, line.id, card.kind.value))
    written = await use_under(connection, line, giving.key)
    if written is None:
        raise RuntimeError("a card that was given is not there")
    return written


async def block(connection: Connection, card_id: str, now: datetime) -> Card:
    """The card works in no phone until it is unblocked. Raises NotFound `card_unknown`, Conflict
    `card_blocked_already`, `card_replaced`.
    """
    card = await one_card(connection, card_id, lock=True)
    if card.state is CardState.BLOCKED:
        raise Conflict("card_blocked_already")
    await _advance(connection, card, CardState.BLOCKED, now, line=card.line)
    return card


async def unblock(connection: Connection, card_id: str, now: datetime) -> Card:
    """The card works again, in its line's phone or as a blank one. Raises NotFound `card_unknown`, Conflict
    `card_not_blocked`, `card_replaced`.
    """
    card = await one_card(connection, card_id, lock=True)
    if card.state is not CardState.BLOCKED:
        raise Conflict("card_replaced" if card.state is CardState.REPLACED else "card_not_blocked")
    state = CardState.BLANK if card.line is None else CardState.ACTIVE
    await _advance(connection, card, state, now, line=card.line, sources=(CardState.BLOCKED,))
    return card


async def _advance(
    connection: Connection,
    card: Card,
    state: CardState,
    now: datetime,
    *,
    line: LineRef | None,
    sources: Iterable[CardState] = (),
) -> None:
    parameters = {
        "id": card.id,
        "state": state.value,
        "now": now,
        "lane": line.lane if line else None,
        "line": line.id if line else None,
        "sources": [source.value for source in sources or CARD.sources(state)],
    }
    if await (await connection.execute(_ADVANCE, parameters)).fetchone() is None:
        if card.state is CardState.REPLACED:
            raise Conflict("card_replaced")
        raise Conflict("card_not_blank", state=card.state.value)
