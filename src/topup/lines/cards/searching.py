"""Finding a line by its SIM card: by ICCID, typed, scanned or read from the card, or by IMSI.

For staff, and for owners who ask for their own lines. A card's number is told from a telephone number by its shape.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from topup.kernel.errors import NotFound
from topup.kernel.sim_cards import Imsi, InvalidCard, looks_like_iccid, parse_imsi, possible_iccids
from topup.lines.cards.queries import Card, card_scanned, card_with_imsi, number_served
from topup.platform.database import Connection

ICCID: Final = "iccid"
IMSI: Final = "imsi"
_OWN: Final = """
SELECT n.msisdn FROM lines.cards AS c
JOIN lines.card_uses AS u ON u.lane = c.lane AND u.line_id = c.line_id AND u.card_id = c.id AND u.until IS NULL
JOIN lines.lines AS l ON l.lane = u.lane AND l.id = u.line_id AND l.status <> 'closed'
JOIN lines.numbers AS n ON n.lane = u.lane AND n.line_id = u.line_id AND n.until IS NULL
JOIN lines.owners AS o ON o.lane = u.lane AND o.line_id = u.line_id
WHERE (c.iccid = ANY (%s) OR c.imsi = %s) AND o.subscriber_id = %s LIMIT 1
"""
_IMSI_DIGITS: Final = re.compile(r"\d{15}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Found:
    """What a card leads to: its line's number in E.164, and what the text was taken for."""

    e164: str
    card: Card
    taken_for: str


def looks_like_card(text: str) -> bool:
    """Whether a text is meant for an ICCID or an IMSI, and for no telephone number."""
    return looks_like_iccid(text) or _imsi(text) is not None


async def by_card(connection: Connection, text: str) -> Found | None:
    """The line of an ICCID or IMSI; None for a text that is neither.

    Raises InvalidCard `iccid_mistyped`; NotFound `card_unknown`, `imsi_unknown`, `card_serves_nobody`.
    """
    if looks_like_iccid(text):
        card, taken_for = await card_scanned(connection, text), ICCID
    elif (imsi := _imsi(text)) is not None:
        found = await card_with_imsi(connection, imsi)
        if found is None:
            raise NotFound("imsi_unknown")
        card, taken_for = found, IMSI
    else:
        return None
    number = await number_served(connection, card)
    if number is None:
        raise NotFound("card_serves_nobody")
    return Found(number, card, taken_for)


async def own_number_by_card(connection: Connection, *, subscriber_id: str, text: str) -> str | None:
    """The number (E.164) of a line in somebody's account whose card now has this ICCID or IMSI; None else, whoever's
    card it is, and one question whether there is such a card or not.
    """
    imsi = _imsi(text)
    iccids = [one.digits for one in possible_iccids(text)]
    cursor = await connection.execute(_OWN, (iccids, imsi.digits if imsi else None, subscriber_id))
    row = await cursor.fetchone()
    return str(row[0]) if row else None


def _imsi(text: str) -> Imsi | None:
    plain = re.sub(r"[\s-]", "", unicodedata.normalize("NFKC", text[:64]))
    try:
        return parse_imsi(plain) if _IMSI_DIGITS.fullmatch(plain) else None
    except InvalidCard:
        return None
