"""What a file says of something granted: how much, of what, for how long. Stored for ever, as `documents` says."""

from dataclasses import dataclass
from typing import Literal

from topup.catalogue.life_cycle_rules import TermTier
from topup.catalogue.terms import Ends

Names = dict[str, str]
"""A text in each of our languages: `zh_Hans`, `zh_Hant`, `en`."""

LANGUAGES = ("zh_Hans", "zh_Hant", "en")

Policy = Literal["separate", "extend", "longest", "renew", "tiers"]
AtEnd = Literal["forfeit", "freeze", "roll_over"]
Rounding = Literal["up", "down", "half_up", "half_even"]


@dataclass(frozen=True, slots=True)
class RollOver:
    """What is left at the end lives `days` longer, up to `cap` of it (in the grant's own unit; None: all of it)."""

    days: int
    cap: int | None = None


@dataclass(frozen=True, slots=True)
class ValidityRule:
    """How long something granted may be used, counted in the carrier's time zone.

    `never` ends; `days` and `months` are spans that end as `ends` says (see `terms.Term`); `balance` is a span by
    what there is of it after the top-up (`tiers`, ascending; below the first, the first).

    `policy` says what happens beside what the line already has: kept `separate`; its end moved on by the span
    (`extend`); both get the later end (`longest`); both get the new end, be it sooner (`renew`); both get the end by
    the balance of both (`tiers`, which goes with `balance`).

    `at_end` says what becomes of what is left: `forfeit`, `freeze` until the next top-up revives it (`grace_days`: for
    so many days, then forfeited; None: for ever), or `roll_over` as `roll` says.
    """

    rule: Literal["never", "days", "months", "balance"] = "never"
    days: int | None = None
    ends: Ends = "midnight"
    policy: Policy = "separate"
    months: int | None = None
    tiers: tuple[TermTier, ...] = ()
    at_end: AtEnd = "forfeit"
    grace_days: int | None = None
    roll: RollOver | None = None


@dataclass(frozen=True, slots=True)
class GrantRule:
    """One thing credited: `amount` of `asset` (a currency's minor units, DATA bytes, VOICE seconds, SMS messages).

    `services` and `zones` limit what it may be used for; empty means everything and everywhere. What has the lower
    `priority` is used first. Money may be a share of what was paid instead of an `amount` (which is 0 then): `rate_ppm`
    parts per million of the face value or the pack's price, rounded to minor units by `rounding`.
    """

    asset: str
    amount: int
    kind: str
    priority: int
    services: tuple[str, ...]
    zones: tuple[str, ...]
    validity: ValidityRule
    rate_ppm: int = 0
    rounding: Rounding = "down"
