"""What a report of use comes to: what is taken of the holds, what is granted next, what is held for it. In memory.

A grant is held ahead: one hold is enough for several slices, so that the usual report takes from what is held already
and needs no look at what the line has (`quick`). When that does not cover the next slice, what the line has is read,
and the hold is renewed (`thorough`).
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from topup.catalogue.documents import UsageSessions
from topup.catalogue.rates import ASSET_OF, Rate, RateBook, Service
from topup.charging.rating import Allowance, LineFacts, Rating, Spent, Usage, rate, serves
from topup.charging.sessions.funds import Funds
from topup.charging.sessions.items import HOLD_FOR, Postings
from topup.charging.sessions.requests import ServiceReport
from topup.charging.sessions.rows import Meter, instant
from topup.charging.usage.booking import INSUFFICIENT_FUNDS
from topup.charging.usage.rows import free_of
from topup.kernel.errors import Conflict
from topup.kernel.money import MAXIMUM_AMOUNT, exponent

GRANTED: Final = "granted"
NOT_WANTED: Final = "not_requested"
NO_PERIOD: Final = -1

_MARGIN_S: Final = HOLD_FOR.total_seconds() / 24
_NOTHING: Final[Spent] = {}


@dataclass(slots=True)
class Metering:
    """One request of a session while it is worked on: its meters report, and what follows for the ledger gathers here.

    `at` is when data and messages were used; `closing`: nothing more will be. `deadline` is until when the session may
    be silent after this request.
    """

    postings: Postings
    facts: LineFacts
    book: RateBook
    rules: UsageSessions
    now: datetime
    at: datetime
    deadline: datetime
    closing: bool

    def quick(self, meter: Meter, report: ServiceReport) -> bool:
        """Take a report in where what is held covers it and the next slice; False: nothing was done, look closer.

        Never the last report of a session: then what the line has left is looked at.
        """
        wanted = self.wanted(meter, report)
        if not wanted or meter.final or meter.used + report.used + wanted > meter.covered:
            return False
        tariff = self.tariff(meter)
        if tariff.daily_cap_minor is not None or not self._still_good(meter, tariff):
            return False
        rating = None
        takes: dict[str, int] = {}
        if report.used:
            allowances = tuple(
                Allowance(held.bucket, held.asset, held.left, held.scope, instant(held.ends))
                for held in meter.holds
                if held.asset != self.facts.currency
            )
            rating = self._rated(meter, report.used, allowances, _NOTHING)
            if rating.refused is not None or not self._fits(meter, rating, takes):
                return False
        self._note(meter, report, rating)
        kept = []
        for held in meter.holds:
            taken = takes.get(held.bucket, 0)
            self.postings.take(held, taken, meter, closes=False)
            held.left -= taken
            if held.left:
                kept.append(held)
        meter.holds = kept
        _grant(meter, wanted, GRANTED, final=False)
        return True

    def _still_good(self, meter: Meter, tariff: Rate) -> bool:
        """Whether what was held is worth what it was when it was held."""
        now, latest = self.now.timestamp(), self.deadline.timestamp() + _MARGIN_S
        for held in meter.holds:
            if held.until < latest or (held.ends is not None and held.ends <= now):
                return False
        return meter.service == "voice" or meter.period == self._period(tariff)

    def _period(self, tariff: Rate) -> int:
        if not tariff.periods:
            return NO_PERIOD
        period = tariff.period_at(self.at.astimezone(self.facts.zone))
        return NO_PERIOD if period is None else tariff.periods.index(period)

    def _fits(self, meter: Meter, rating: Rating, takes: dict[str, int]) -> bool:
        """Divide charges among the holds; whether these are enough."""
        money = 0
        for charge in rating.charges:
            if charge.bucket_id is not None:
                takes[charge.bucket_id] = takes.get(charge.bucket_id, 0) + charge.amount
            else:
                money += charge.amount
        for held in meter.holds:
            if held.asset == self.facts.currency and money:
                takes[held.bucket] = min(held.left, money)
                money -= takes[held.bucket]
        return not money

    def thorough(self, meter: Meter, report: ServiceReport, funds: Funds, *, refusal: str | None) -> None:
        """Take a report in with all the line has; `refusal` is why it may not go on, if so.

        Raises Conflict insufficient_funds (with what is `needed`, and `currency`) where what was used costs more than
        an amount can be: no line has that, and no record can say it.
        """
        tariff = self.tariff(meter)
        for held in meter.holds:
            funds.put_back(held)
        takes: dict[str, int] = {}
        rating = None
        if report.used or self.closing:
            rating = self._rated(meter, report.used, funds.allowances(), funds.spent, final=self.closing)
            self._can_be_said(meter, report, rating)
            unpaid = self._take(rating, tariff, funds, takes)
            meter.unpaid += unpaid
            funds.spend(rating, tariff, unpaid)
        self._note(meter, report, rating)
        wanted = 0 if refusal else self.wanted(meter, report)
        granted, slices, rating = self._affordable(meter, tariff, wanted, funds) if wanted else (0, 0, None)
        targets = self._targets(rating, tariff, funds) if rating and granted else {}
        self._renew(meter, takes, targets, funds)
        meter.covered = meter.used + granted * slices
        meter.period = NO_PERIOD if meter.service == "voice" else self._period(tariff)
        short = 0 < granted < wanted or (wanted > 0 and not granted)
        result = GRANTED if granted else refusal or (funds.why_short(tariff) if wanted else NOT_WANTED)
        _grant(meter, granted, result, final=short or refusal is not None)

    def _can_be_said(self, meter: Meter, report: ServiceReport, rating: Rating) -> None:
        cost = _minor(rating)
        so_far = sum(part.amount for part in meter.parts if part.bucket is None)
        if report.used and cost and so_far + cost > MAXIMUM_AMOUNT:
            currency = self.facts.currency
            raise Conflict(INSUFFICIENT_FUNDS, needed=in_major(cost, currency), currency=currency)

    def close(self, meter: Meter) -> None:
        """Give back what is held, without a report."""
        for held in meter.holds:
            self.postings.take(held, 0, meter, closes=True)
        meter.holds = []
        _grant(meter, 0, NOT_WANTED, final=False)

    def tariff(self, meter: Meter) -> Rate:
        """The rate of a meter. Raises LookupError where the file has none: it was there when the meter began."""
        found = self.book.find(service=meter.service, country=meter.country, called=meter.called)
        if found is None:
            raise LookupError(f"{meter.rate_id} is in no file any more")
        return found

    def _rated(
        self,
        meter: Meter,
        quantity: int,
        allowances: tuple[Allowance, ...],
        spent: Spent,
        *,
        final: bool = False,
    ) -> Rating:
        """What a further quantity comes to."""
        at = datetime.fromtimestamp(meter.began, UTC) if meter.service == "voice" else self.at
        usage = Usage(meter.service, quantity, at, meter.country, meter.called, meter.used, meter.carried, final=final)
        return rate(self.book, usage, self.facts, allowances, spent)

    def wanted(self, meter: Meter, report: ServiceReport) -> int:
        """How much more is asked for, within bounds; nothing in the last report of a session."""
        if self.closing or report.requested == 0:
            return 0
        usual = slice_of(self.rules, meter.service)
        return min(report.requested or usual, usual * self.rules.most_slices)

    def needed(self, meter: Meter, funds: Funds) -> int:
        """What the smallest further use would cost, minor units."""
        return _minor(self._rated(meter, 1, funds.lasting_allowances(), funds.spent, final=True))

    def _note(self, meter: Meter, report: ServiceReport, rating: Rating | None) -> None:
        """Count what was used, and what of it was beyond the grant."""
        meter.over += max(report.used - meter.granted, 0)
        meter.used += report.used
        if rating is not None:
            meter.counted += rating.counted
            meter.carry(rating.carried)
            meter.note_charges(rating.charges)
            if rating.free:
                meter.note_free(free_of(rating))

    def _take(self, rating: Rating, tariff: Rate, funds: Funds, takes: dict[str, int]) -> int:
        """Divide charges among what the line has; what nothing is left to pay for, minor units."""
        money = 0
        for charge in rating.charges:
            if charge.bucket_id is None:
                money += charge.amount
            else:
                takes[charge.bucket_id] = takes.get(charge.bucket_id, 0) + charge.amount
                funds.rest[charge.bucket_id] -= charge.amount
        for purse in funds.money(tariff):
            amount = min(funds.rest[purse.bucket_id], money)
            if amount:
                takes[purse.bucket_id] = takes.get(purse.bucket_id, 0) + amount
                funds.rest[purse.bucket_id] -= amount
                money -= amount
        return money

    def _affordable(self, meter: Meter, tariff: Rate, wanted: int, funds: Funds) -> tuple[int, int, Rating]:
        """How much can be granted, for how many slices of it is held ahead, and what these come to.

        Ahead is held only as long as the line has as much again: others use it too.
        """
        money = sum(funds.rest[purse.bucket_id] for purse in funds.lasting(tariff))
        asset = ASSET_OF.get(meter.service)
        allowances = funds.lasting_allowances()
        stock = sum(a.amount for a in allowances if a.asset == asset and serves(a.scope, tariff))

        def priced(quantity: int) -> tuple[Rating, bool]:
            found = self._rated(meter, quantity, allowances, funds.spent, final=True)
            return found, found.refused is None and _minor(found) <= money

        if meter.unpaid and not money and not stock:
            # The rest of a step that was not paid for is not to be had either.
            return 0, 1, Rating()
        ahead = self.rules.held_slices
        while ahead > 1:
            rating, enough = priced(wanted * ahead)
            if enough and _minor(rating) * 2 <= money and _units(rating) * 2 <= stock:
                return wanted, ahead, rating
            ahead //= 2
        rating, enough = priced(wanted)
        if enough:
            return wanted, 1, rating
        least, most = 0, wanted
        while most - least > 1:
            middle = (least + most) // 2
            least, most = (middle, most) if priced(middle)[1] else (least, middle)
        if least:
            # A step is paid whole: so it may be used whole.
            whole = min(tariff.counted(meter.used + least) - meter.used, wanted)
            least = whole if whole > least and priced(whole)[1] else least
        return least, 1, priced(least)[0]

    def _targets(self, rating: Rating, tariff: Rate, funds: Funds) -> dict[str, int]:
        """What of each bucket a further quantity would take."""
        targets: dict[str, int] = {}
        money = 0
        for charge in rating.charges:
            if charge.bucket_id is None:
                money += charge.amount
            else:
                targets[charge.bucket_id] = targets.get(charge.bucket_id, 0) + charge.amount
        for purse in funds.lasting(tariff):
            amount = min(funds.rest[purse.bucket_id], money)
            if amount:
                targets[purse.bucket_id] = amount
                money -= amount
        return targets

    def _renew(self, meter: Meter, takes: dict[str, int], targets: dict[str, int], funds: Funds) -> None:
        """Settle what was used, keep the holds that are enough for what comes, and hold the rest anew."""
        kept = []
        latest = self.deadline.timestamp() + _MARGIN_S
        wanted = dict(targets)
        owed = dict(takes)
        for held in meter.holds:
            taken = min(owed.get(held.bucket, 0), held.left)
            if taken:
                owed[held.bucket] -= taken
            keeps = 0 < wanted.get(held.bucket, 0) <= held.left - taken and held.until >= latest
            self.postings.take(held, taken, meter, closes=not keeps)
            if keeps:
                del wanted[held.bucket]
                held.left -= taken
                funds.rest[held.bucket] -= held.left
                kept.append(held)
            else:
                funds.given_back(held, held.left - taken)
        meter.holds = kept
        for bucket, amount in owed.items():
            if amount:
                self.postings.debit(meter, funds.purse(bucket), amount)
        for bucket, amount in wanted.items():
            self.postings.hold(meter, funds.purse(bucket), amount)
            funds.rest[bucket] -= amount


def _grant(meter: Meter, granted: int, result: str, *, final: bool) -> None:
    meter.granted = granted
    meter.result = result
    meter.final = final


def slice_of(rules: UsageSessions, service: Service) -> int:
    """The usual slice of a service."""
    if service == "data":
        return rules.data_bytes
    return rules.voice_s if service == "voice" else rules.messages


def in_major(minor: int, currency: str) -> str:
    """Minor units as people write them; of more than an amount can be, too."""
    return f"{Decimal(minor).scaleb(-exponent(currency)):f}"


def _minor(rating: Rating) -> int:
    return sum(charge.amount for charge in rating.charges if charge.bucket_id is None)


def _units(rating: Rating) -> int:
    return sum(charge.amount for charge in rating.charges if charge.bucket_id is not None)
