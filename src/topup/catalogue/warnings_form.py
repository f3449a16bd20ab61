"""The form of when a line's owner is warned of what is left."""

from typing import Any, Final

from topup.catalogue.documents import LowMark, Warnings
from topup.catalogue.offer_form import UNITS
from topup.catalogue.positions import Path
from topup.catalogue.reading import Reading, Wrong, quantity, shown
from topup.catalogue.shapes import Amount, Choice, Field, ListOf, Quantity, Table, Whole

Fields = dict[str, Any]


def _low(fields: Fields, path: Path, reading: Reading) -> LowMark | Wrong:
    asset, written = fields["asset"], fields["below"]
    if asset == "CREDIT":
        amount = Amount(0).read(written, (*path, "below"), reading)
        asset = reading.currency
    elif written == 0:
        amount = 0
    else:
        amount = quantity(written, UNITS[asset])
        if amount is None:
            amount = reading.mistake((*path, "below"), f"must be a quantity of {asset}, not {shown(written)}")
    return amount if isinstance(amount, Wrong) else LowMark(asset, amount)


def _warnings(fields: Fields, path: Path, reading: Reading) -> Warnings | Wrong:
    assets = [mark.asset for mark in fields["low"]]
    for index, asset in enumerate(assets):
        if asset in assets[:index]:
            return reading.mistake((*path, "low", index), f"is for {asset} a second time")
    return Warnings(**fields)


WARNINGS: Final = Table(
    _warnings,
    {
        "low": Field(
            ListOf(
                Table(
                    _low,
                    {
                        "asset": Field(Choice(("CREDIT", *UNITS)), "of what", required=True),
                        "below": Field(Quantity(), "low is what is less than this; 0: never", required=True),
                    },
                ),
                0,
                20,
            ),
            "when what is left is low; of what is not named, the usual mark holds",
            default=(),
        ),
        "expiring_days": Field(
            ListOf(Whole(1, 90), 0, 5), "so many days before its end what is left is expiring; none: never told"
        ),
    },
)
