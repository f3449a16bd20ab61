"""What a text may mean to who looks for an order: a number, a receipt, an id, an amount."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from topup.kernel.ids import is_id
from topup.kernel.money import MAXIMUM_AMOUNT, OTHER_EXPONENTS
from topup.kernel.msisdn import InvalidNumber, parse_msisdn
from topup.orders.receipts import parse_receipt_number
from topup.payments.queries import PAID_AMOUNT

_SHORTEST: Final = 3
"""Digits of a number that say something."""
_AMOUNT: Final = re.compile(r"[¥￥$€£]?\s*(\d{1,9}(?:,\d{3})*(?:\.\d{1,4})?)\s*元?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Search:
    """What a text may mean: digits of a number (or whole numbers in E.164), a receipt's number, an order, an amount in
    major units.
    """

    digits: str = ""
    numbers: tuple[str, ...] = ()
    receipt: tuple[int, int, int] | None = None
    order_id: str = ""
    amount: Decimal | None = None

    @property
    def means_nothing(self) -> bool:
        """Whether nothing can be found by it."""
        return self == Search()


def read_search(text: str, *, named: Sequence[str] = ()) -> Search:
    """What `text` may mean; `named` are the numbers (E.164) of the lines that are called so."""
    plain = unicodedata.normalize("NFKC", text).strip()
    receipt = parse_receipt_number(plain)
    if receipt or is_id("order", plain):
        return Search(receipt=receipt, order_id="" if receipt else plain)
    amount = _AMOUNT.fullmatch(plain)
    return Search(
        digits=_digits(plain),
        numbers=tuple(named),
        amount=Decimal(amount[1].replace(",", "")) if amount else None,
    )


def _digits(plain: str) -> str:
    try:
        return parse_msisdn(plain).e164
    except InvalidNumber:
        digits = "".join(character for character in plain if character.isascii() and character.isdigit())
    others = set(plain) - set("0123456789 +-()*…")
    return digits if len(digits) >= _SHORTEST and not others else ""


def of_amount(amount: Decimal, parameters: dict[str, Any], *, paid: bool) -> str:
    """In SQL, whether an order `o` is of this face value in major units, or (`paid`) was paid with as much; its values
    go into `parameters`.
    """
    by_currency, others = _minor(amount)
    parameters |= {"currencies": list(by_currency), "minors": list(by_currency.values()), "minor": others}
    of_face = f"o.face_minor = {_MINOR.format(currency='o.currency')}"
    if not paid:
        return of_face
    minor = _MINOR.format(currency="p.currency")
    return f"({of_face} OR {PAID_AMOUNT.format(lane='o.lane', payment='o.kept_payment_id', minor=minor)})"


_MINOR: Final = "coalesce((%(minors)s::bigint[])[array_position(%(currencies)s::text[], {currency})], %(minor)s)"


def _minor(amount: Decimal) -> tuple[dict[str, int], int]:
    """The amount in minor units of each currency that has not two decimals, and of all others; -1 for what it is no
    amount of.
    """
    return {one: _scaled(amount, digits) for one, digits in OTHER_EXPONENTS.items()}, _scaled(amount, 2)


def _scaled(amount: Decimal, digits: int) -> int:
    scaled = amount.scaleb(digits)
    return int(scaled) if scaled == scaled.to_integral_value() and scaled <= MAXIMUM_AMOUNT else -1
