"""SIM cards for tests: numbers that nobody else has, and lines that have them."""

from itertools import count

from topup.kernel.ids import lane_for, new_id
from topup.kernel.sim_cards import Iccid, Imsi, possible_iccids

_numbers = count(1)


def iccid(number: int | None = None) -> Iccid:
    """Another one each time, of 19 digits; or that of a number."""
    found = next(_numbers) if number is None else 10_000_000 + number
    return possible_iccids(f"898600{found:012d}")[0]


def imsi_of(card: Iccid) -> Imsi:
    return Imsi(f"46000{card.digits[-11:-1]}")


async def blank(transaction, *, carrier_id="qingfeng", kind="physical", sku=None, card=None):
    """A blank card: its id and its ICCID."""
    card = card or iccid()
    card_id = new_id("card", lane_for(card.digits, 16))
    await transaction.connection.execute(
        "INSERT INTO lines.cards (id, iccid, imsi, carrier_id, kind, state, sku, state_since, made_at)"
        " VALUES (%s, %s, %s, %s, %s, 'blank', %s, %s, %s)",
        (card_id, card.digits, imsi_of(card).digits, carrier_id, kind, sku, transaction.now, transaction.now),
    )
    return card_id, card
