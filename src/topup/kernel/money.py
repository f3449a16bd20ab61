"""Money and the other things a ledger counts: integers of minor units, and an asset.

An asset is an ISO 4217 code, with the exponent of ISO 4217 (not of CLDR: they differ for IQD, LAK, MMK and others),
or DATA (bytes), VOICE (seconds), SMS (messages), POINTS.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Self

MAXIMUM_AMOUNT: Final = 2**53 - 1
"""The largest amount we take in: exact in JSON readers that keep numbers as doubles (RFC 8259, 6)."""

USAGE_ASSETS: Final = frozenset({"DATA", "VOICE", "SMS", "POINTS"})

# ISO 4217, list one: every code whose exponent is not two.
OTHER_EXPONENTS: Final = (
    dict.fromkeys(
        "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(),  # noqa: SIM905 - a table
        0,
    )
    | dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3)
    | dict.fromkeys(("CLF", "UYW"), 4)
    | dict.fromkeys(USAGE_ASSETS, 0)
)


_PLAIN: Final = re.compile(r"\d+\.?\d*|\.\d+")


class InvalidMoney(ValueError):
    """Not an amount of that asset."""


def exponent(asset: str) -> int:
    """How many decimal digits the minor unit of `asset` has."""
    return OTHER_EXPONENTS.get(asset, 2)


def is_currency(asset: str) -> bool:
    """Whether `asset` is written as an ISO 4217 code (three capital letters) and not one of ours."""
    return len(asset) == 3 and asset.isascii() and asset.isalpha() and asset.isupper() and asset not in USAGE_ASSETS  # noqa: PLR2004 - ISO 4217


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """`amount_minor` units of `currency` (ISO 4217); negative for what is taken off, as a discount line.

    Raises InvalidMoney for a currency that is none, or an amount that is no integer or too large.
    """

    amount_minor: int
    currency: str

    def __post_init__(self) -> None:
        if type(self.amount_minor) is not int:
            raise InvalidMoney("an amount is an integer of minor units")
        if abs(self.amount_minor) > MAXIMUM_AMOUNT:
            raise InvalidMoney("the amount is too large")
        if not is_currency(self.currency):
            raise InvalidMoney("a currency is an ISO 4217 code")

    @classmethod
    def from_major(cls, text: str, currency: str) -> Self:
        """Read major units as people type them: `50`, `48.50`, full-width digits; raises InvalidMoney.

        Digits and at most one point: no sign, no exponent (`1e2` is a slip, not a hundred), no grouping. More decimals
        than the currency has are refused, never rounded.
        """
        if len(text) > 32:  # noqa: PLR2004 - longer than any amount we take
            raise InvalidMoney("the amount is too long")
        plain = text.strip()
        if _PLAIN.fullmatch(plain) is None:
            raise InvalidMoney("not a number")
        scaled = Decimal(plain).scaleb(exponent(currency))
        if scaled != scaled.to_integral_value():
            raise InvalidMoney("more decimals than the currency has")
        return cls(int(scaled), currency)

    def to_major(self) -> str:
        """The amount in major units with every decimal of the currency: `48.50`."""
        return str(Decimal(self.amount_minor).scaleb(-exponent(self.currency)))

    def __add__(self, other: "Money") -> "Money":
        self._same(other)
        return Money(self.amount_minor + other.amount_minor, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        self._same(other)
        return Money(self.amount_minor - other.amount_minor, self.currency)

    def __lt__(self, other: "Money") -> bool:
        self._same(other)
        return self.amount_minor < other.amount_minor

    def _same(self, other: "Money") -> None:
        if self.currency != other.currency:
            raise InvalidMoney("amounts of two currencies")
