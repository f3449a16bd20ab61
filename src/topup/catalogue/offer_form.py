"""The form of what a carrier's file offers: credit, packs, what they grant, fees."""

from typing import Any, Final

from topup.catalogue.documents import Credit, CreditTier, FaceValue, Fees, FeeStep, FreeAmounts, Pack
from topup.catalogue.grant_rules import LANGUAGES, GrantRule, ValidityRule
from topup.catalogue.positions import Path
from topup.catalogue.reading import WRONG, Reading, Wrong, major, quantity, shown
from topup.catalogue.shapes import (
    Amount,
    Choice,
    Either,
    Field,
    Flag,
    ListOf,
    MapOf,
    Permille,
    Quantity,
    Table,
    Text,
    Whole,
)
from topup.catalogue.validity_form import VALIDITY, ascending, in_units

Fields = dict[str, Any]

IDENTIFIER: Final = r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*"
MAIN_PRIORITY: Final = 100
GRANT_PRIORITY: Final = 50
"""What was given on top goes first, the credit that was paid for last."""

UNITS: Final = {
    "DATA": {
        "KiB": 2**10,
        "MiB": 2**20,
        "GiB": 2**30,
        "TiB": 2**40,
        "kB": 10**3,
        "MB": 10**6,
        "GB": 10**9,
        "TB": 10**12,
    },
    "VOICE": {"s": 1, "min": 60, "h": 3600},
    "SMS": {},
}
_SERVICES: Final = ("data", "voice", "sms")


def plain(kind: Any) -> Any:
    """A `build` for tables whose fields are the fields of `kind`."""

    def build(fields: Fields, path: Path, reading: Reading) -> Any:  # noqa: ARG001 - every build is called alike
        return kind(**fields)

    return build


NAMES: Final = Table(
    lambda fields, _path, _reading: fields,
    {language: Field(Text(longest=80), f"the text in {language}", required=True) for language in LANGUAGES},
)


def _grant(fields: Fields, path: Path, reading: Reading) -> GrantRule | Wrong:
    asset, written = fields["asset"], fields["amount"]
    units = UNITS.get(asset, {})
    amount: int | Wrong | None
    if fields["rate_ppm"]:
        amount = 0
        if asset != "CREDIT":
            return reading.mistake((*path, "permille"), "goes with CREDIT only: how much data is a share of money?")
        asset = reading.currency
    elif written is None:
        return reading.mistake((*path, "permille"), "must be above 0")
    elif asset == "CREDIT":
        amount = Amount().read(written, (*path, "amount"), reading)
        asset = reading.currency
    else:
        amount = quantity(written, units)
        if amount is None:
            words = f" or a quantity with one of the units {', '.join(units)}" if units else ""
            reason = f"must be a whole number above 0{words}, not {shown(written)}"
            return reading.mistake((*path, "amount"), reason)
    validity = in_units(fields["validity"], fields["asset"], units, (*path, "validity"), reading)
    if isinstance(amount, Wrong) or isinstance(validity, Wrong):
        return WRONG
    return GrantRule(**fields | {"asset": asset, "amount": amount, "validity": validity})


GRANT: Final = Table(
    _grant,
    {
        "asset": Field(Choice(("DATA", "VOICE", "SMS", "CREDIT")), "what is granted", required=True),
        "amount": Field(Quantity(), 'how much: bytes or "1 GiB", seconds or "60 min", messages, money'),
        "permille": Field(
            Permille(digits=5), "of CREDIT: thousandths of the amount or the price", default=0, into="rate_ppm"
        ),
        "rounding": Field(Choice(("up", "down", "half_up", "half_even")), "of the thousandths", default="down"),
        "kind": Field(Choice(("plan", "bonus", "promo", "main")), "the kind of bucket it goes to", default="plan"),
        "priority": Field(Whole(0, 1000), "the lower is used first", default=GRANT_PRIORITY),
        "services": Field(ListOf(Choice(_SERVICES)), "what it may be used for; empty: everything", default=()),
        "zones": Field(ListOf(Text("a zone's name", IDENTIFIER)), "where; empty: everywhere", default=()),
        "validity": Field(VALIDITY, "how long it may be used; never ends when left out", default=ValidityRule()),
    },
    one_of=("amount", "permille"),
)
FACE_VALUE: Final = Either(
    Table(
        plain(FaceValue),
        {
            "amount": Field(Amount(), "the amount", required=True, into="amount_minor"),
            "bonus": Field(ListOf(GRANT, 0, 20), "what comes on top", default=()),
            "label": Field(NAMES, "a word shown beside it, such as Popular"),
        },
    ),
    Amount(),
    FaceValue,
)


def _free(fields: Fields, path: Path, reading: Reading) -> FreeAmounts | Wrong:
    if fields["min"] > fields["max"]:
        return reading.mistake((*path, "max"), "is below min")
    return FreeAmounts(fields["min"], fields["max"], fields["step"])


FREE: Final = Table(
    _free,
    {
        "min": Field(Amount(), "the least amount", required=True),
        "max": Field(Amount(), "the largest amount", required=True),
        "step": Field(Amount(), "amounts go up from min in steps of this", required=True),
    },
)


def _credit(fields: Fields, path: Path, reading: Reading) -> Credit | Wrong:
    amounts = [value.amount_minor for value in fields["face_values"]]
    wrong = None
    for index, amount in enumerate(amounts):
        if amount in amounts[:index]:
            wrong = reading.mistake(
                (*path, "face_values", index), f"is {major(amount, reading.currency)} a second time"
            )
    if not amounts and fields["free"] is None:
        wrong = reading.mistake(path, "offers nothing: it needs face_values or free")
    ordered = tuple(sorted(fields["face_values"], key=lambda value: value.amount_minor))
    starts = [tier.from_minor for tier in fields["tiers"]]
    wrong = ascending(starts, (*path, "tiers"), reading) or wrong
    validity = in_units(fields["validity"], "CREDIT", {}, (*path, "validity"), reading)
    tiers = tuple(_in_money(tier, (*path, "tiers", index), reading) for index, tier in enumerate(fields["tiers"]))
    if isinstance(validity, Wrong) or WRONG in tiers:
        return WRONG
    return wrong or Credit(**fields | {"face_values": ordered, "validity": validity, "tiers": tiers})


def _in_money(tier: CreditTier, path: Path, reading: Reading) -> CreditTier | Wrong:
    if tier.validity is None:
        return tier
    validity = in_units(tier.validity, "CREDIT", {}, (*path, "validity"), reading)
    return WRONG if isinstance(validity, Wrong) else CreditTier(tier.from_minor, validity, tier.bonus)


CREDIT_TIER: Final = Table(
    plain(CreditTier),
    {
        "from": Field(Amount(0), "it holds for amounts from this one on", required=True, into="from_minor"),
        "validity": Field(VALIDITY, "how long such an amount may be used; as the credit's when left out"),
        "bonus": Field(ListOf(GRANT, 0, 20), "what comes with it, beside the face value's own bonus", default=()),
    },
)
CREDIT: Final = Table(
    _credit,
    {
        "face_values": Field(ListOf(FACE_VALUE, 0, 100), "the amounts on offer", default=()),
        "free": Field(FREE, "amounts the payer may choose freely"),
        "validity": Field(VALIDITY, "how long credit may be used; it never ends when left out", default=ValidityRule()),
        "priority": Field(Whole(0, 1000), "the lower is used first", default=MAIN_PRIORITY),
        "tiers": Field(ListOf(CREDIT_TIER, 0, 50), "validity and bonus by amount, ascending", default=()),
    },
)
PACK: Final = Table(
    plain(Pack),
    {
        "id": Field(
            Text("a short name in lower case such as data-1gb-7d", IDENTIFIER, longest=64), "its id", required=True
        ),
        "names": Field(NAMES, "its name", required=True),
        "price": Field(Amount(), "what it costs", required=True, into="price_minor"),
        "grants": Field(ListOf(GRANT, 1, 20), "what it gives", required=True),
        "carrier_code": Field(Text("the outside carrier's code"), "what an outside carrier calls it; else its id"),
        "label": Field(NAMES, "a word shown beside it, such as Popular"),
        "counts_as_credit": Field(
            Flag(), "whether clocks and states take it for plain credit", default=False, into="plain"
        ),
    },
)
FEE_STEP: Final = Table(
    plain(FeeStep),
    {
        "from": Field(Amount(0), "the step holds from this amount on", default=0, into="from_minor"),
        "fixed": Field(Amount(0), "a fixed fee", default=0, into="fixed_minor"),
        "permille": Field(Permille(), "thousandths of the amount", default=0, into="rate_ppm"),
        "rounding": Field(Choice(("up", "down", "half_up", "half_even")), "of the thousandths", default="half_up"),
    },
)


def _fees(fields: Fields, path: Path, reading: Reading) -> Fees | Wrong:
    wrong = descending(fields["product"], (*path, "product"), reading)
    for method, steps in fields["payment"].items():
        wrong = descending(steps, (*path, "payment", method), reading) or wrong
    return wrong or Fees(**fields)


def descending(steps: tuple[FeeStep, ...], path: Path, reading: Reading) -> Wrong | None:
    """Noted where a step does not begin above the one before it."""
    for index in range(1, len(steps)):
        if steps[index].from_minor <= steps[index - 1].from_minor:
            return reading.mistake((*path, index, "from"), "must be above the from of the step before it")
    return None


FEE_STEPS: Final = ListOf(FEE_STEP, 1, 20)
FEES: Final = Table(
    _fees,
    {
        "product": Field(FEE_STEPS, "taken out of the credit, in steps", default=()),
        "payment": Field(
            MapOf(IDENTIFIER, "payment method's name", FEE_STEPS), "added to the price, in steps by method", default={}
        ),
    },
)
