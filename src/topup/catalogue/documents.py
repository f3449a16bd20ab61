"""What a carrier's file says, as values: the form in which a version is stored and read again for ever.

Amounts are minor units of the carrier's currency, rates are parts per million, usage is bytes, seconds and messages.
A stored document must stay readable, so a field is only ever added, and with a default.
"""

from dataclasses import dataclass
from typing import Literal

Names = dict[str, str]
"""A text in each of our languages: `zh_Hans`, `zh_Hant`, `en`."""

LANGUAGES = ("zh_Hans", "zh_Hant", "en")

Ends = Literal["midnight", "exact"]
Policy = Literal["separate", "extend", "longest"]
Rounding = Literal["up", "down", "half_up", "half_even"]


@dataclass(frozen=True, slots=True)
class ValidityRule:
    """How long something granted may be used: `never` ends, or `days` counted in the carrier's time zone.

    `ends` is `midnight` (at the end of the last day) or `exact` (at the same time of day). `policy` says what happens
    beside what the line already has: kept `separate`, its end moved on by the days (`extend`), or both get the later
    end (`longest`).
    """

    rule: Literal["never", "days"] = "never"
    days: int | None = None
    ends: Ends = "midnight"
    policy: Policy = "separate"


@dataclass(frozen=True, slots=True)
class GrantRule:
    """One thing credited: `amount` of `asset` (a currency's minor units, DATA bytes, VOICE seconds, SMS messages).

    `services` and `zones` limit what it may be used for; empty means everything and everywhere. What has the lower
    `priority` is used first.
    """

    asset: str
    amount: int
    kind: str
    priority: int
    services: tuple[str, ...]
    zones: tuple[str, ...]
    validity: ValidityRule


@dataclass(frozen=True, slots=True)
class FaceValue:
    """An amount of credit on offer, what comes with it, and the label it is shown under, if any."""

    amount_minor: int
    bonus: tuple[GrantRule, ...] = ()
    label: Names | None = None


@dataclass(frozen=True, slots=True)
class FreeAmounts:
    """Amounts the payer may choose freely: from `minimum_minor` to `maximum_minor`, in steps from the minimum."""

    minimum_minor: int
    maximum_minor: int
    step_minor: int

    def offers(self, amount_minor: int) -> bool:
        """Whether `amount_minor` is one of them."""
        within = self.minimum_minor <= amount_minor <= self.maximum_minor
        return within and (amount_minor - self.minimum_minor) % self.step_minor == 0

    def largest_minor(self) -> int:
        """The largest amount on the grid, which may lie below the maximum."""
        return self.maximum_minor - (self.maximum_minor - self.minimum_minor) % self.step_minor


@dataclass(frozen=True, slots=True)
class Credit:
    """Plain credit: which amounts are on offer and how long it may be used."""

    face_values: tuple[FaceValue, ...]
    free: FreeAmounts | None
    validity: ValidityRule
    priority: int


@dataclass(frozen=True, slots=True)
class Pack:
    """A product with a price of its own: data, minutes, messages, credit.

    `carrier_code` is what an outside carrier calls it.
    """

    id: str
    names: Names
    price_minor: int
    grants: tuple[GrantRule, ...]
    carrier_code: str | None = None
    label: Names | None = None


@dataclass(frozen=True, slots=True)
class FeeStep:
    """The fee from an amount of `from_minor` on.

    `fixed_minor` and `rate_ppm` parts per million of the amount, the share rounded to minor units by `rounding`.
    """

    from_minor: int
    fixed_minor: int
    rate_ppm: int
    rounding: Rounding


@dataclass(frozen=True, slots=True)
class Fees:
    """`product` is taken out of the credit; `payment`, by method, is added to the price. Steps ascend."""

    product: tuple[FeeStep, ...]
    payment: dict[str, tuple[FeeStep, ...]]


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What the payer must confirm.

    An amount from `large_amount_minor` on (None: never), and the same number with the same amount within
    `duplicate_window_s` seconds.
    """

    large_amount_minor: int | None = None
    duplicate_window_s: int = 600


@dataclass(frozen=True, slots=True)
class Numbering:
    """The numbers of a carrier: E.164 prefixes, whether they may have been ported, and one to show as an example."""

    ranges: tuple[str, ...]
    portability: Literal["none", "table"] = "none"
    example: str | None = None


@dataclass(frozen=True, slots=True)
class CarrierDocument:
    """A carrier's whole file. `network` is `own`, or `external:` and the name of a carrier plugin."""

    id: str
    names: Names
    country: str
    time_zone: str
    currency: str
    network: str
    opens_lines_on_first_credit: bool
    numbering: Numbering
    credit: Credit | None
    packs: tuple[Pack, ...]
    fees: Fees
    confirmation: Confirmation
