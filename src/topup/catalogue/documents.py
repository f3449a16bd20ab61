"""What a carrier's file says, as values: the form in which a version is stored and read again for ever.

Amounts are minor units of the carrier's currency, rates are parts per million, usage is bytes, seconds and messages.
A stored document must stay readable, so a field is only ever added, and with a default.
"""

from dataclasses import dataclass, field
from typing import Literal

from topup.catalogue.campaigns import Campaign, Stacking
from topup.catalogue.grant_rules import GrantRule, Names, Rounding, ValidityRule
from topup.catalogue.life_cycle_rules import Clock, LifeCycle, MonthlyFee
from topup.catalogue.plan_rules import Plan
from topup.catalogue.rates import Rate

AtCap = Literal["refuse", "clip"]


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
class CreditTier:
    """What holds for amounts of credit from `from_minor` on.

    A validity of its own (None: the credit's), and what comes with every amount beside the face value's own bonus.
    """

    from_minor: int
    validity: ValidityRule | None = None
    bonus: tuple[GrantRule, ...] = ()


@dataclass(frozen=True, slots=True)
class Credit:
    """Plain credit: which amounts are on offer, how long it may be used, and what comes with it by amount."""

    face_values: tuple[FaceValue, ...]
    free: FreeAmounts | None
    validity: ValidityRule
    priority: int
    tiers: tuple[CreditTier, ...] = ()

    def tier(self, amount_minor: int) -> CreditTier:
        """The tier that holds for an amount; below the first, and without tiers, one that says nothing."""
        reached = [tier for tier in self.tiers if tier.from_minor <= amount_minor]
        return reached[-1] if reached else CreditTier(0)


@dataclass(frozen=True, slots=True)
class Pack:
    """A product with a price of its own: data, minutes, messages, credit.

    `carrier_code` is what an outside carrier calls it. `plain`: for clocks and states it counts as plain credit.
    """

    id: str
    names: Names
    price_minor: int
    grants: tuple[GrantRule, ...]
    carrier_code: str | None = None
    label: Names | None = None
    plain: bool = False


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
    """The numbers of a carrier: E.164 prefixes, whether they may have been ported, and one to show as an example.

    A number that a line gave back waits `quarantine_days` before somebody else may get it.
    """

    ranges: tuple[str, ...]
    portability: Literal["none", "table"] = "none"
    example: str | None = None
    quarantine_days: int = 0


@dataclass(frozen=True, slots=True)
class Cap:
    """A line has at most `amount` of `asset` in its buckets of `kind`.

    What a top-up would bring beyond is refused with it (`refuse`), or not credited (`clip`).
    """

    asset: str
    kind: str
    amount: int
    at_cap: AtCap = "refuse"


@dataclass(frozen=True, slots=True)
class SharingTier:
    """How long credit that was sent may be used, from an amount of `from_minor` on."""

    from_minor: int
    validity: ValidityRule


@dataclass(frozen=True, slots=True)
class SharingLimit:
    """At most `amount_minor` and at most `times` a calendar day or month, for the sender or the receiver.

    With `condition`, only where that holds of the two.
    """

    who: Literal["sender", "receiver"]
    per: Literal["day", "month"] = "day"
    amount_minor: int | None = None
    times: int | None = None
    condition: Literal["sender_roaming", "receiver_roaming"] | None = None


@dataclass(frozen=True, slots=True)
class Sharing:
    """Credit sent from one line to another: the amounts, the fee the sender pays on top, how long it lives then.

    It goes to the receiver's bucket of `kind`; `keeps_minor` must stay with the sender. `plain`: for the receiver's
    clocks and states it counts as a top-up of plain credit.
    """

    amounts: tuple[int, ...]
    free: FreeAmounts | None
    fee: tuple[FeeStep, ...]
    tiers: tuple[SharingTier, ...]
    limits: tuple[SharingLimit, ...] = ()
    keeps_minor: int = 0
    kind: str = "shared"
    priority: int = 100
    plain: bool = True


@dataclass(frozen=True, slots=True)
class PayingForOthers:
    """A line's credit may pay for another line's top-up: the kinds of it that may."""

    kinds: tuple[str, ...] = ("main",)


@dataclass(frozen=True, slots=True)
class LowMark:
    """Less than `amount` of `asset` (minor units, bytes, seconds, messages) left is low; 0: nothing is."""

    asset: str
    amount: int


@dataclass(frozen=True, slots=True)
class Warnings:
    """When a line's owner is warned of what is left; what is not said goes by `warnings.marks_of`."""

    low: tuple[LowMark, ...] = ()
    expiring_days: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class UsageSessions:
    """How usage is granted as it goes on: in slices, of which several are held at once so that few renew the hold.

    A slice is what is granted where nobody says how much is wanted, and never is more granted than `most_slices` of
    them. `held_slices` of what was asked for are held ahead, as long as that leaves the line as much again. A grant is
    good for `lasts_s` seconds; a session that was silent for `grace_s` more is closed.
    """

    lasts_s: int = 600
    grace_s: int = 60
    held_slices: int = 4
    most_slices: int = 100
    data_bytes: int = 10 * 10**6
    voice_s: int = 60
    messages: int = 1


@dataclass(frozen=True, slots=True)
class Automatic:
    """What top-ups that run by themselves keep to, over all of a line's: at most `cap_minor` in a calendar month (None:
    any), and `interval_days` between two of them.
    """

    interval_days: int = 0
    cap_minor: int | None = None


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
    caps: tuple[Cap, ...] = ()
    sharing: Sharing | None = None
    clocks: tuple[Clock, ...] = ()
    life_cycle: LifeCycle | None = None
    monthly_fee: MonthlyFee | None = None
    rates: tuple[Rate, ...] = ()
    warnings: Warnings | None = None
    sessions: UsageSessions = UsageSessions()
    paying_for_others: PayingForOthers | None = None
    plans: tuple[Plan, ...] = ()
    automatic: Automatic = Automatic()
    campaigns: tuple[Campaign, ...] = ()
    offers: Stacking = field(default_factory=Stacking)
