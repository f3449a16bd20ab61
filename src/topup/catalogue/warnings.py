"""When a line's owner is warned of what is left: the marks of a carrier's file, and those of a file that names none.

Part of the stored document: a field is only ever added, and with a default.
"""

from dataclasses import dataclass
from typing import Final

from topup.catalogue.documents import CarrierDocument, LowMark, Warnings

DEFAULT_DAYS: Final = (3,)
"""So many days before its end what is left is said to be expiring."""
_DEFAULT_LOW: Final = (
    LowMark("DATA", 100 * 10**6),
    LowMark("VOICE", 10 * 60),
    LowMark("SMS", 10),
)


@dataclass(frozen=True, slots=True)
class Marks:
    """`low`: by asset, what a line falls below when it is low of it. `expiring_days`: descending, each told once."""

    low: dict[str, int]
    expiring_days: tuple[int, ...]


def marks_of(document: CarrierDocument) -> Marks:
    """The marks of a carrier; what its file does not name has the usual one.

    Of money that is half of the least that can be topped up: nobody has to act before one top-up helps.
    """
    said = document.warnings or Warnings()
    usual = {mark.asset: mark.amount for mark in _DEFAULT_LOW}
    least = _least_topup(document)
    if least > 1:
        usual[document.currency] = least // 2
    low = usual | {mark.asset: mark.amount for mark in said.low}
    days = DEFAULT_DAYS if said.expiring_days is None else said.expiring_days
    return Marks({asset: amount for asset, amount in low.items() if amount}, tuple(sorted(days, reverse=True)))


def _least_topup(document: CarrierDocument) -> int:
    credit = document.credit
    if credit is None:
        return 0
    amounts = [value.amount_minor for value in credit.face_values]
    return min([*amounts, *([credit.free.minimum_minor] if credit.free else [])], default=0)
