"""What can be asked of the ledger: each item is one operation in one lane, under a key that makes it happen once.

The key and the whole item belong together: the same key with the same item gives the stored answer, with another item
it is refused. So an item is made of stored facts only, never of the time it happens to be asked again.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Final

from topup.kernel.ids import MAXIMUM_LANES, AccountId, HoldId, InvalidId, LineId, lane_of
from topup.kernel.money import MAXIMUM_AMOUNT

_KEY: Final = re.compile(r"[!-~]{1,200}")
_REFERENCE: Final = re.compile(r"[!-~]{0,200}")
_CODE: Final = re.compile(r"(?!acc_)[a-z][a-z0-9_.:-]{0,99}")
_ASSET: Final = re.compile(r"[A-Z]{3,8}")
_WORD: Final = re.compile(r"[a-z][a-z0-9_.:-]{0,99}")
_SCOPE: Final = re.compile(r"[a-z@][a-z0-9_.:,@-]{0,199}")
_DAYS: Final = range(1, 36_501)
_MONTHS: Final = range(1, 1_201)
_PRIORITIES: Final = range(-32_768, 32_768)


class InvalidItem(ValueError):
    """No item of the ledger: a text of another shape, an amount that is none. A defect of the caller."""


class Policy(StrEnum):
    """What a credit does to the validity of what the line has already."""

    SEPARATE = "separate"
    """Nothing: it has its own end. Credits with the very same end share a bucket."""
    EXTEND = "extend"
    """The running bucket lives `days` longer."""
    LONGEST = "longest"
    """The running bucket lives until the later of the two ends."""
    RENEW = "renew"
    """The running bucket gets the new end, be it sooner."""
    TIERS = "tiers"
    """The running bucket gets an end anew, by the balance it has after the credit."""


class AtEnd(StrEnum):
    """What happens to a bucket's balance when `usable_until` has come."""

    FORFEIT = "forfeit"
    """It is ours: posted to `expired`."""
    FREEZE = "freeze"
    """It cannot be used until the next credit revives it; `grace_days` later it is forfeited."""
    ROLL_OVER = "roll_over"
    """What `Roll` allows moves to the next period; the rest is forfeited."""


class AtCap(StrEnum):
    """What happens to a credit that would exceed its bucket's `cap`."""

    REFUSE = "refuse"
    """It is refused: `cap_exceeded`."""
    CLIP = "clip"
    """What fits is credited; the rest goes to our account `over_cap`, as a second leg."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """From the balance `from_amount` on, minor units, a bucket ends at `usable_until` (None: never)."""

    from_amount: int
    usable_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Roll:
    """What rolls over at a bucket's end: at most `cap` minor units (None: all), for `days` more, counted in `zone`."""

    days: int
    zone: str
    cap: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketSpec:
    """The bucket a credit goes to; it is opened where the line has none that matches.

    `scope` names the services and zones it serves. A lower `priority` is used first. `usable_until` is the end if the
    bucket opens now (None: never); for `extend`, `days` and the IANA `zone` say how much longer a running one lives.
    `grace_days` (None: for ever) counts in `zone` too. `source` says where the bucket comes from, and `rule` holds the
    id and the inputs of the rule that explains the dates.

    `months`, like `days`, say how much longer for `extend`: the same day of a later month, or its last. `tiers` belong
    to that policy, and `usable_until` then holds below the first. `cap` limits what all of the line's buckets of this
    asset and kind may hold together, in minor units.
    """

    kind: str = "main"
    scope: str = "any"
    priority: int = 100
    policy: Policy = Policy.SEPARATE
    at_end: AtEnd = AtEnd.FORFEIT
    source: str = "topup"
    rule: Mapping[str, str | int | bool | None]
    usable_until: datetime | None = None
    days: int | None = None
    months: int | None = None
    zone: str = "UTC"
    grace_days: int | None = None
    tiers: tuple[Tier, ...] = ()
    cap: int | None = None
    at_cap: AtCap = AtCap.REFUSE
    roll: Roll | None = None

    def __post_init__(self) -> None:
        _check(_WORD, self.kind)
        _check(_SCOPE, self.scope)
        _check(_WORD, self.source)
        if self.priority not in _PRIORITIES:
            raise InvalidItem("a priority is a small integer")
        if self.usable_until is not None and self.usable_until.tzinfo is None:
            raise InvalidItem("an instant knows its zone")
        if self.policy is Policy.EXTEND and self.usable_until is not None and not self._extends():
            raise InvalidItem("a credit that extends says by how many days or months")
        if self.grace_days is not None and (self.at_end is not AtEnd.FREEZE or self.grace_days not in _DAYS):
            raise InvalidItem("only what is frozen has days of grace")
        if (self.policy is Policy.TIERS) != bool(self.tiers):
            raise InvalidItem("tiers belong to their policy")
        if (self.at_end is AtEnd.ROLL_OVER) != (self.roll is not None):
            raise InvalidItem("what rolls over says how")
        if self.cap is not None:
            _check_number(self.cap)

    def _extends(self) -> bool:
        return (self.days or self.months or 0) > 0 and (self.days or 1) in _DAYS and (self.months or 1) in _MONTHS


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """What all items have: `purpose` says why in a word, `reference` whose doing it is (an order's id)."""

    KIND: ClassVar[str]

    lane: int
    key: str
    purpose: str
    reference: str

    def __post_init__(self) -> None:
        if not 0 <= self.lane < MAXIMUM_LANES:
            raise InvalidItem("no such lane")
        _check(_KEY, self.key)
        _check(_WORD, self.purpose)
        _check(_REFERENCE, self.reference)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer(Item):
    """`debit_code` gives `amount` minor units to `credit_code`, both accounts of our own; never refused for funds."""

    KIND = "transfer"

    debit_code: str
    credit_code: str
    asset: str
    amount: int

    def __post_init__(self) -> None:
        Item.__post_init__(self)
        _check(_CODE, self.debit_code)
        _check(_CODE, self.credit_code)
        _check_amount(self.asset, self.amount)
        if self.debit_code == self.credit_code:
            raise InvalidItem("a transfer has two accounts")


@dataclass(frozen=True, slots=True, kw_only=True)
class Credit(Item):
    """Our account `from_code` gives to a bucket of a line. Refused: `balance_limit`, `cap_exceeded`.

    Credits that come in one call to a bucket which cannot hold them all may be refused together.
    """

    KIND = "credit"

    from_code: str
    line_id: LineId
    bucket: BucketSpec
    asset: str
    amount: int

    def __post_init__(self) -> None:
        Item.__post_init__(self)
        _check(_CODE, self.from_code)
        _check_line(self.lane, self.line_id)
        _check_amount(self.asset, self.amount)


@dataclass(frozen=True, slots=True, kw_only=True)
class Debit(Item):
    """A line's buckets give to our account `to_code`, in their order of use, all or nothing.

    `kinds`, `scopes` and `bucket_id` narrow which buckets may give; None: any. Refused: `insufficient_funds`,
    `bucket_frozen` (there would be enough, but it is frozen).
    """

    KIND = "debit"

    line_id: LineId
    to_code: str
    asset: str
    amount: int
    kinds: tuple[str, ...] | None = None
    scopes: tuple[str, ...] | None = None
    bucket_id: AccountId | None = None

    def __post_init__(self) -> None:
        Item.__post_init__(self)
        _check(_CODE, self.to_code)
        _check_line(self.lane, self.line_id)
        _check_amount(self.asset, self.amount)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold(Item):
    """Promise an amount of a line's buckets until it is settled or released; narrowed and refused as a Debit.

    Past `expires_at` a sweep may release it; until then it stands.
    """

    KIND = "hold"

    line_id: LineId
    asset: str
    amount: int
    expires_at: datetime
    kinds: tuple[str, ...] | None = None
    scopes: tuple[str, ...] | None = None
    bucket_id: AccountId | None = None

    def __post_init__(self) -> None:
        Item.__post_init__(self)
        _check_line(self.lane, self.line_id)
        _check_amount(self.asset, self.amount)
        if self.expires_at.tzinfo is None:
            raise InvalidItem("an instant knows its zone")


@dataclass(frozen=True, slots=True, kw_only=True)
class Move(Item):
    """A line's buckets give to another bucket of the line, in their order of use, all or nothing; narrowed as a Debit.

    `bucket_id` may name one whose end has come and that is not forfeited yet: so unused allowance rolls over. Refused
    as a Debit. The giving buckets must not be the one that takes.
    """

    KIND = "move"

    line_id: LineId
    bucket: BucketSpec
    asset: str
    amount: int
    kinds: tuple[str, ...] | None = None
    scopes: tuple[str, ...] | None = None
    bucket_id: AccountId | None = None

    def __post_init__(self) -> None:
        Item.__post_init__(self)
        _check_line(self.lane, self.line_id)
        _check_amount(self.asset, self.amount)
        if self.bucket.cap is not None:
            raise InvalidItem("a move has no cap: its amount is limited by what is there")
        if self.bucket_id is None and (self.kinds is None or self.bucket.kind in self.kinds):
            raise InvalidItem("a move names the buckets that give, and they are not the one that takes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settle(Item):
    """Take `amount` of a hold to our account `to_code`; give the rest back, or keep it promised where not `final`.

    Refused: `hold_unknown`, `hold_not_open`, `settle_exceeds_hold`.
    """

    KIND = "settle"

    hold_id: HoldId
    to_code: str
    amount: int
    final: bool = True

    def __post_init__(self) -> None:
        Item.__post_init__(self)
        _check(_CODE, self.to_code)
        _check(_KEY, self.hold_id)
        _check_number(self.amount)


@dataclass(frozen=True, slots=True, kw_only=True)
class Release(Item):
    """Give a whole hold back. Refused: `hold_unknown`, `hold_not_open`."""

    KIND = "release"

    hold_id: HoldId

    def __post_init__(self) -> None:
        Item.__post_init__(self)
        _check(_KEY, self.hold_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expire(Item):
    """Forfeit what a bucket has left, held parts excepted, to our account `to_code`; close it when nothing is held.

    `forced`: though its time has not come, because the line ends. Refused: `bucket_unknown`, `bucket_closed`,
    `bucket_not_due`, `bucket_held` (all that is left is promised).
    """

    KIND = "expire"

    bucket_id: AccountId
    to_code: str = "expired"
    forced: bool = False

    def __post_init__(self) -> None:
        Item.__post_init__(self)
        _check(_CODE, self.to_code)
        _check(_KEY, self.bucket_id)


def _check(shape: re.Pattern[str], text: str) -> None:
    if shape.fullmatch(text) is None:
        # The text may be a gateway's reference: errors are logged, so it is not repeated.
        raise InvalidItem(f"a text of {len(text)} characters is not of the shape {shape.pattern}")


def _check_line(lane: int, line_id: LineId) -> None:
    """A line's buckets are in the line's own lane: whose lock would guard them elsewhere?"""
    try:
        own = lane_of(line_id)
    except InvalidId:
        raise InvalidItem(f"{line_id!r} is no line") from None
    if own != lane:
        raise InvalidItem("the line lives in another lane")


def _check_amount(asset: str, amount: int) -> None:
    _check(_ASSET, asset)
    _check_number(amount)


def _check_number(amount: int) -> None:
    if type(amount) is not int or not 0 < amount <= MAXIMUM_AMOUNT:
        raise InvalidItem("an amount is a positive integer of minor units")
