"""What a usage costs: pure arithmetic, exact to the fraction, of rates, allowances and what the day has cost so far.

A usage is counted in whole steps, and a step is paid for as things are when it begins: the price by the line's own
clocks, the calendar day its cost counts to, what was granted and is not over. So a usage rated in pieces, in order and
each with what the piece before left behind, costs what it costs in one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from itertools import groupby, pairwise, product
from math import ceil, floor
from typing import Final
from zoneinfo import ZoneInfo

from topup.catalogue.rates import ASSET_OF, Period, Rate, RateBook, Remainder, Service
from topup.catalogue.terms import MIDNIGHT, ONE_DAY

_ZERO: Final = Fraction(0)
_SECOND: Final = timedelta(seconds=1)
_HALF: Final = Fraction(1, 2)
_NOON: Final = time(12)
LONGEST_CALL_S: Final = 31 * 86_400
"""Longer, and it is no call but a broken record; it also bounds the days that are looked at."""

ALLOWANCE: Final = "usage_allowance"
CONNECTION: Final = "usage_connection_fee"
ROUNDING: Final = "usage_rounding"
RATED: Final = "usage_rated"
FREE_NUMBER: Final = "usage_free_number"
FREE_PRICE: Final = "usage_free"
DAILY_CAP: Final = "usage_daily_cap"
RATE_MISSING: Final = "rate_missing"
TOO_LONG: Final = "usage_too_long"


@dataclass(frozen=True, slots=True)
class Carried:
    """What a piece of a usage leaves to the next: a cost below one minor unit, of the calendar day `day`."""

    remainder: Fraction
    day: date


@dataclass(frozen=True, slots=True)
class Usage:
    """`quantity` (seconds, bytes, messages) of a service, used in `country` (ISO 3166), towards `called` if anybody.

    `at` (aware) is when a call as a whole began; of data and messages, when this piece was used. A later piece says how
    much was rated `before` it, and what that left (`carried`); of every piece but the last, `final` is false. A usage
    has one rate: when a line changes country, a new one begins.
    """

    service: Service
    quantity: int
    at: datetime
    country: str
    called: str | None = None
    before: int = 0
    carried: Carried | None = None
    final: bool = True


@dataclass(frozen=True, slots=True)
class LineFacts:
    """What of a line matters for its costs: the zone of its clocks and calendar, and the currency it pays in."""

    zone: ZoneInfo
    currency: str


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left in a bucket of DATA, VOICE or SMS. `scope` as the ledger has it; `usable_until`: None, for ever."""

    bucket_id: str
    asset: str
    amount: int
    scope: str = "any"
    usable_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Charge:
    """One part of what is to be taken: `amount` of `asset`, for `quantity` used on `day`, because of `reason`.

    Of an allowance, `bucket_id` and the bucket's own scope. Of money, `scope` is what a bucket must serve to pay for
    it, `price_minor` is for `per` units, and `exact` is the part's cost before anything was rounded: amounts are the
    whole minor units the usage has reached so far.
    """

    asset: str
    amount: int
    scope: str
    reason: str
    quantity: int
    day: date
    bucket_id: str | None = None
    price_minor: Decimal | None = None
    per: int | None = None
    exact: Fraction = Fraction(0)


@dataclass(frozen=True, slots=True)
class Free:
    """What was not charged for, and why. Of a daily cap, `waived` (minor) is what `quantity` would have cost more."""

    quantity: int
    reason: str
    day: date
    waived: Fraction = Fraction(0)


@dataclass(frozen=True, slots=True)
class Rating:
    """What a usage comes to. `counted` is its quantity in whole steps, as far as earlier pieces did not count it.

    `carried` is for the next piece, None after the last. `refused` is a reason why nothing could be rated.
    """

    rate_id: str | None = None
    charges: tuple[Charge, ...] = ()
    free: tuple[Free, ...] = ()
    counted: int = 0
    carried: Carried | None = None
    refused: str | None = None


Spent = Mapping[tuple[str, date], int]
"""Minor units a line was charged so far, by the rate's id and the day of the line's zone."""


def rate(
    rates: RateBook, usage: Usage, line_facts: LineFacts, allowances: tuple[Allowance, ...], spent_today: Spent
) -> Rating:
    """What `usage` costs the line. Of `allowances`, in the order they are to be used, those that serve it pay first.

    `spent_today` is asked only for rates with a daily cap, for each day the usage touches and that of what it carries.
    Refused: `rate_missing`; `usage_too_long`, a call of more than 31 days. Raises ValueError for a negative quantity.
    """
    if usage.quantity < 0 or usage.before < 0:
        raise ValueError("a quantity is never negative")
    found = rates.find(service=usage.service, country=usage.country, called=usage.called)
    if found is None:
        return Rating(refused=RATE_MISSING)
    if usage.service == "voice" and usage.before + usage.quantity > LONGEST_CALL_S:
        return Rating(found.id, refused=TOO_LONG)
    begin, end = found.counted(usage.before), found.counted(usage.before + usage.quantity)
    if usage.called in found.free_numbers:
        day = usage.at.astimezone(line_facts.zone).date()
        free = (Free(end - begin, FREE_NUMBER, day),) if end > begin else ()
        return Rating(found.id, free=free, counted=end - begin)
    till = _Till(found, line_facts, spent_today, usage.carried)
    purse = _Purse(found, allowances)
    for stretch in _stretches(found, usage, line_facts.zone, purse.ends(), (begin, end)):
        _pay(stretch, till, purse)
    carried = till.close(final=usage.final)
    return Rating(found.id, tuple(till.charges), tuple(till.free), end - begin, carried)


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Whole steps that begin under the same price, on the same day: from `begin` to before `end` of the usage."""

    begin: int
    end: int
    at: datetime
    day: date
    period: Period | None


def _pay(stretch: _Stretch, till: "_Till", purse: "_Purse") -> None:
    tariff = till.rate
    begins = stretch.begin == 0
    if begins and tariff.connection_fee_minor and purse.left(stretch.at) < tariff.first:
        till.charge(stretch.day, Fraction(tariff.connection_fee_minor), 0, None, CONNECTION)
    quantity = stretch.end - stretch.begin
    for allowance, amount in purse.take(quantity, stretch.at):
        till.charges.append(
            Charge(
                allowance.asset, amount, allowance.scope, ALLOWANCE, amount, stretch.day, bucket_id=allowance.bucket_id
            )
        )
        quantity -= amount
    if quantity:
        period = stretch.period
        price = period.price_minor if period else tariff.price_minor
        reason = f"usage_{period.name}" if period else RATED
        unit = _unit(price, tariff.per)
        exact = Fraction(unit.numerator * quantity, unit.denominator)
        till.charge(stretch.day, exact, quantity, price, reason)


@lru_cache(maxsize=4096)
def _unit(price: Decimal, per: int) -> Fraction:
    """What one unit costs."""
    return Fraction(price) / per


@dataclass(slots=True)
class _Purse:
    """The allowances that serve a rate, and what is left in each."""

    rate: Rate
    allowances: tuple[Allowance, ...]
    rest: list[int] = field(init=False)

    def __post_init__(self) -> None:
        asset = ASSET_OF.get(self.rate.service)
        self.allowances = tuple(
            allowance
            for allowance in self.allowances
            if allowance.asset == asset and serves(allowance.scope, self.rate)
        )
        self.rest = [max(allowance.amount, 0) for allowance in self.allowances]

    def ends(self) -> list[datetime]:
        """The moments after which one of them pays no more."""
        return [allowance.usable_until for allowance in self.allowances if allowance.usable_until is not None]

    def left(self, at: datetime) -> int:
        """What there is for a step that begins at `at`."""
        return sum(rest for allowance, rest in zip(self.allowances, self.rest, strict=True) if _usable(allowance, at))

    def take(self, quantity: int, at: datetime) -> Iterator[tuple[Allowance, int]]:
        """Of each in turn as much as there is, until it is enough."""
        for index, allowance in enumerate(self.allowances):
            amount = min(self.rest[index], quantity) if _usable(allowance, at) else 0
            if amount:
                self.rest[index] -= amount
                quantity -= amount
                yield allowance, amount


def _usable(allowance: Allowance, at: datetime) -> bool:
    return allowance.usable_until is None or at < allowance.usable_until


def serves(scope: str, tariff: Rate) -> bool:
    """Whether a bucket of `scope` (`any`, or `services@zones` as a grant's) may pay for a rate's usage."""
    if scope in ("", "any"):
        return True
    services, _, zones = scope.partition("@")
    fits = not services or tariff.service in services.split(",")
    return fits and (not zones or not tariff.zones.isdisjoint(zones.split(",")))


@dataclass(slots=True)
class _Till:
    """Adds up money: exactly, in whole minor units with what is left below one, and within the daily cap."""

    rate: Rate
    line: LineFacts
    spent_before: Spent
    carried: Carried | None
    charges: list[Charge] = field(default_factory=list)
    free: list[Free] = field(default_factory=list)
    spent: dict[date, int] = field(default_factory=dict)

    def charge(self, day: date, exact: Fraction, quantity: int, price: Decimal | None, reason: str) -> None:
        """Add a cost, as far as the day's cap allows."""
        self._turn_to(day)
        rest = self.carried.remainder if self.carried else _ZERO
        paid = exact
        if self._capped:
            paid = min(exact, max(self._room(day) - rest, _ZERO))
            if paid < exact:
                self.free.append(Free(quantity, DAILY_CAP, day, exact - paid))
        if not exact:
            self.free.append(Free(quantity, FREE_PRICE, day))
        if not paid:
            return
        total = rest + paid if rest else paid
        whole, below = divmod(total.numerator, total.denominator)
        self.carried = Carried(Fraction(below, total.denominator), day)
        self._book(whole, reason, quantity, day, price=price, exact=paid)

    def close(self, *, final: bool) -> Carried | None:
        """What is left below a minor unit: for the next piece, or rounded at the end."""
        if final:
            self._settle()
        return self.carried

    def _turn_to(self, day: date) -> None:
        if self._capped and self.carried and self.carried.day != day:
            self._settle()

    def _settle(self) -> None:
        """Round what is left, once. A cap that other usages filled meanwhile holds for it too."""
        carried, self.carried = self.carried, None
        if carried is None:
            return
        whole = rounded(carried.remainder, self.rate.remainder)
        whole = min(whole, floor(self._room(carried.day))) if self._capped else whole
        if whole:
            self._book(whole, ROUNDING, 0, carried.day, price=None, exact=_ZERO)

    @property
    def _capped(self) -> bool:
        return self.rate.daily_cap_minor is not None

    def _room(self, day: date) -> Fraction:
        spent = self.spent_before.get((self.rate.id, day), 0) + self.spent.get(day, 0)
        return Fraction(max((self.rate.daily_cap_minor or 0) - spent, 0))

    def _book(
        self, whole: int, reason: str, quantity: int, day: date, *, price: Decimal | None, exact: Fraction
    ) -> None:
        """Charge whole minor units, of a part that cost `exact`."""
        self.spent[day] = self.spent.get(day, 0) + whole
        per = None if price is None else self.rate.per
        currency, scope = self.line.currency, self.rate.scope
        self.charges.append(
            Charge(currency, whole, scope, reason, quantity, day, price_minor=price, per=per, exact=exact)
        )


def rounded(remainder: Fraction, rule: Remainder) -> int:
    """What is left below one minor unit (0 up to below 1), rounded to one or none."""
    if rule == "up":
        return ceil(remainder)
    if rule == "down":
        return floor(remainder)
    return int(remainder >= _HALF)


def _stretches(
    tariff: Rate, usage: Usage, zone: ZoneInfo, ends: list[datetime], span: tuple[int, int]
) -> Iterator[_Stretch]:
    """The steps of `span`, cut where a step begins under another price, on another day, or after an allowance's end."""
    begin, end = span
    start = usage.at.astimezone(UTC)
    if usage.service != "voice":
        # All at one moment: nothing to cut.
        if begin < end:
            local = start.astimezone(zone)
            yield _Stretch(begin, end, start, local.date(), tariff.period_at(local))
        return
    pace = _SECOND
    cuts = {begin, end}
    if begin < end:
        until = start + end * pace
        moments = (moment for moment in (*_borders(tariff, start, until, zone), *ends) if start < moment < until)
        # A step that is under way is paid as it began: the cut is where the next one begins.
        offsets = (tariff.counted(-((start - moment) // pace)) for moment in moments)
        cuts |= {offset for offset in offsets if begin < offset < end}

    def under(piece: tuple[int, int]) -> tuple[date, Period | None, int]:
        at = start + piece[0] * pace
        local = at.astimezone(zone)
        return local.date(), tariff.period_at(local), sum(moment <= at for moment in ends)

    for (day, period, _), pieces in groupby(pairwise(sorted(cuts)), key=under):
        whole = list(pieces)
        first = whole[0][0]
        yield _Stretch(first, whole[-1][1], start + first * pace, day, period)


def _borders(tariff: Rate, start: datetime, until: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """Every moment up to `until` when the clocks may show another day or period: also those when they are changed."""
    minutes = {minute for period in tariff.periods for minute in (period.from_minute, period.to_minute)}
    times = {MIDNIGHT} | {time(minute // 60 % 24, minute % 60) for minute in minutes}
    day, last = start.astimezone(zone).date(), until.astimezone(zone).date() + ONE_DAY
    while day <= last:
        for at, fold in product(times, (0, 1)):
            yield datetime.combine(day, at, zone).replace(fold=fold).astimezone(UTC)
        yield from _clock_change(day, zone)
        day += ONE_DAY


def _clock_change(day: date, zone: ZoneInfo) -> Iterator[datetime]:
    """The moment, to the second, when the clocks are changed between noon of the day before and noon of `day`."""
    before, after = (datetime.combine(noon, _NOON, zone).astimezone(UTC) for noon in (day - ONE_DAY, day))
    offset = before.astimezone(zone).utcoffset()
    if after.astimezone(zone).utcoffset() == offset:
        return
    while after - before > _SECOND:
        middle = before + (after - before) // _SECOND // 2 * _SECOND
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    yield after
