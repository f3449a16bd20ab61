"""The form of credit that is sent from one line to another, and of what a line may have at most."""

from typing import Any, Final

from topup.catalogue.documents import Cap, PayingForOthers, Sharing, SharingLimit, SharingTier
from topup.catalogue.offer_form import FEE_STEPS, FREE, MAIN_PRIORITY, UNITS, descending
from topup.catalogue.positions import Path
from topup.catalogue.reading import Reading, Wrong, major, quantity, shown
from topup.catalogue.shapes import Amount, Choice, Field, Flag, ListOf, Quantity, Table, Whole
from topup.catalogue.validity_form import VALIDITY, ascending, in_units

Fields = dict[str, Any]

KINDS: Final = ("main", "bonus", "promo", "plan", "shared")


def _limit(fields: Fields, path: Path, reading: Reading) -> SharingLimit | Wrong:
    if fields["amount_minor"] is None and fields["times"] is None:
        return reading.mistake(path, "limits nothing: it needs amount or times")
    return SharingLimit(**fields)


_LIMIT: Final = Table(
    _limit,
    {
        "who": Field(Choice(("sender", "receiver")), "whose limit it is", required=True),
        "per": Field(Choice(("day", "month")), "a calendar day or month in the zone of that line", default="day"),
        "amount": Field(Amount(), "at most so much in all, fees apart", into="amount_minor"),
        "times": Field(Whole(1, 1000), "at most so often"),
        "when": Field(
            Choice(("sender_roaming", "receiver_roaming")), "only where this holds; always when left out",
            into="condition",
        ),
    },
)  # fmt: skip
_TIER: Final = Table(
    lambda fields, _path, _reading: SharingTier(**fields),
    {
        "from": Field(Amount(0), "it holds from this amount on", required=True, into="from_minor"),
        "validity": Field(VALIDITY, "how long the credit may be used", required=True),
    },
)


def _sharing(fields: Fields, path: Path, reading: Reading) -> Sharing | Wrong:
    amounts, free = fields["amounts"], fields["free"]
    if not amounts and free is None:
        return reading.mistake(path, "allows nothing: it needs amounts or free")
    repeated = next((index for index, amount in enumerate(amounts) if amount in amounts[:index]), None)
    if repeated is not None:
        return reading.mistake(
            (*path, "amounts", repeated), f"is {major(amounts[repeated], reading.currency)} a second time"
        )
    starts = [tier.from_minor for tier in fields["tiers"]]
    least = min([*amounts, *([free.minimum_minor] if free else [])])
    if starts[0] > least:
        words = f"must be at most {major(least, reading.currency)}, the least amount that can be sent"
        return reading.mistake((*path, "tiers", 0, "from"), words)
    rules = [
        in_units(tier.validity, "CREDIT", {}, (*path, "tiers", index, "validity"), reading)
        for index, tier in enumerate(fields["tiers"])
    ]
    wrong = descending(fields["fee"], (*path, "fee"), reading) or ascending(starts, (*path, "tiers"), reading)
    wrong = wrong or next((rule for rule in rules if isinstance(rule, Wrong)), None)
    tiers = tuple(
        SharingTier(start, rule) for start, rule in zip(starts, rules, strict=True) if not isinstance(rule, Wrong)
    )
    return wrong or Sharing(**fields | {"amounts": tuple(sorted(amounts)), "tiers": tiers})


SHARING: Final = Table(
    _sharing,
    {
        "amounts": Field(ListOf(Amount(), 0, 100), "the amounts that can be sent", default=()),
        "free": Field(FREE, "amounts the sender may choose freely"),
        "fee": Field(FEE_STEPS, "what the sender pays on top, in steps by amount", default=()),
        "tiers": Field(ListOf(_TIER, 1, 20), "how long the credit may be used, by amount", required=True),
        "limits": Field(ListOf(_LIMIT, 0, 20), "how much and how often", default=()),
        "keeps": Field(Amount(0), "what must stay with the sender", default=0, into="keeps_minor"),
        "kind": Field(Choice(KINDS), "the kind of the receiver's bucket", default="shared"),
        "priority": Field(Whole(0, 1000), "the lower is used first", default=MAIN_PRIORITY),
        "counts_as_topup": Field(
            Flag(), "whether clocks and states take it for plain credit", default=True, into="plain"
        ),
    },
)


def _paying(fields: Fields, _path: Path, _reading: Reading) -> PayingForOthers:
    return PayingForOthers(tuple(dict.fromkeys(fields["kinds"])))


PAYING_FOR_OTHERS: Final = Table(
    _paying,
    {
        "kinds": Field(
            ListOf(Choice(KINDS), 1, len(KINDS)), "the kinds of credit that may pay", default=PayingForOthers().kinds
        ),
    },
)


def _cap(fields: Fields, path: Path, reading: Reading) -> Cap | Wrong:
    asset, written = fields["asset"], fields["amount"]
    if asset == "CREDIT":
        amount = Amount().read(written, (*path, "amount"), reading)
        asset = reading.currency
    else:
        amount = quantity(written, UNITS[asset])
        if amount is None:
            amount = reading.mistake((*path, "amount"), f"must be a quantity of {asset}, not {shown(written)}")
    return amount if isinstance(amount, Wrong) else Cap(**fields | {"asset": asset, "amount": amount})


CAPS: Final = ListOf(
    Table(
        _cap,
        {
            "asset": Field(Choice(("CREDIT", *UNITS)), "of what", required=True),
            "kind": Field(Choice(KINDS), "in the buckets of this kind", default="main"),
            "amount": Field(Quantity(), "a line has at most so much", required=True),
            "at_cap": Field(
                Choice(("refuse", "clip")), "a top-up beyond it is refused, or brings only what fits", default="refuse"
            ),
        },
    ),
    0,
    20,
)


def unique_caps(caps: tuple[Cap, ...], path: Path, reading: Reading) -> Wrong | None:
    """Noted where two caps are for the same."""
    seen = [(cap.asset, cap.kind) for cap in caps]
    for index, pair in enumerate(seen):
        if pair in seen[:index]:
            return reading.mistake((*path, index), f"is for {pair[1]} of {pair[0]} a second time")
    return None
