"""A line's plan, those it could have, and what changing costs, in the reader's words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from babel.dates import format_skeleton

from topup.catalogue.plan_cycles import Terms
from topup.channels.web.home.showing import Badge, Ring, share_of
from topup.channels.web.wording import Wording
from topup.charging.usage.comparing import Asked, Compared, PlanCost, advised, cheapest
from topup.charging.usage.wording import DOMAIN as USAGE
from topup.charging.usage.wording import asset_words, cost_reasons
from topup.kernel.money import Money
from topup.lines.plans.desk import Choice, Included, PlanShown
from topup.lines.plans.states import PlanStanding
from topup.lines.plans.wording import (
    included_words,
    last_day_of,
    next_words,
    plan_name,
    price_words,
    renewing_words,
    standing_words,
    without_credit_words,
)
from topup.platform.i18n import format_date

SUBJECT: Final = "plans"
_LITTLE: Final = 15
_WHOLE: Final = 100
_TONES: Final = {PlanStanding.ACTIVE: "good", PlanStanding.GRACE: "wait"}


@dataclass(frozen=True, slots=True)
class Held:
    """The plan a line has. `stoppable`: it would renew; `undoable`: something else follows the cycle at hand."""

    id: str
    name: str
    price: str
    badge: Badge
    rings: list[Ring]
    next: str
    renewing: str
    without: list[str]
    unpaid: bool
    stoppable: bool
    undoable: bool
    ends: str


@dataclass(frozen=True, slots=True)
class Glimpse:
    """The plan of a line in two lines, both empty where it has none."""

    name: str
    next: str


def glimpse(found: PlanShown, wording: Wording) -> Glimpse:
    """The plan a line has, and what comes next."""
    if found.plan is None:
        return Glimpse("", "")
    return Glimpse(plan_name(found.plan, locale=wording.locale), next_words(found, locale=wording.locale))


@dataclass(frozen=True, slots=True)
class Past:
    """What it would have cost: a month, in each of the months, and why; `share` of the dearest, as a picture."""

    monthly: str
    by_month: list[str]
    reasons: list[str]
    share: int


@dataclass(frozen=True, slots=True)
class Row:
    """A plan among others."""

    id: str
    name: str
    price: str
    included: list[str]
    held: bool
    best: bool
    keeps_number: bool
    past: Past | None


@dataclass(frozen=True, slots=True)
class Item:
    """A line of what changing costs; `back`: it comes back."""

    what: str
    sum: str
    back: bool = False


@dataclass(frozen=True, slots=True)
class Offer:
    """One way to have it: `when`, from and until which day, what it costs line by line, on the whole, and as the form
    says it.
    """

    when: str
    days: str
    items: list[Item]
    total: str
    told: int
    included: list[str]
    back: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """A plan one decides about; `lacks`: there is not enough credit for having it now. `when_paid_told`: the most it
    may cost, minor units, if it begins with the first money; None where it cannot.
    """

    id: str
    name: str
    price: str
    included: list[str]
    renewing: str
    without: list[str]
    held: bool
    credit: str
    lacks: bool
    now: Offer | None
    next: Offer | None
    when_paid_told: int | None
    loses: bool


@dataclass(frozen=True, slots=True)
class PlanWords:
    """Says what there is to say about the plans of one line."""

    of: PlanShown
    wording: Wording

    def money(self, amount_minor: int) -> str:
        """An amount in the line's currency."""
        return self.wording.money(Money(amount_minor, self.of.currency))

    def now(self) -> Held | None:
        """The plan the line has; None without one."""
        found, plan, locale = self.of, self.of.plan, self.wording.locale
        if plan is None or found.standing is None:
            return None
        unpaid = found.standing is not PlanStanding.ACTIVE
        goes_on = found.follows is not None and found.follows.plan is plan
        return Held(
            id=plan.id,
            name=plan_name(plan, locale=locale),
            price=price_words(plan, found.currency, locale=locale),
            badge=Badge(standing_words(found.standing, locale=locale), _TONES.get(found.standing, "alarm")),
            rings=[self._ring(one) for one in found.included],
            next=next_words(found, locale=locale),
            renewing=renewing_words(plan, locale=locale),
            without=without_credit_words(plan, locale=locale),
            unpaid=unpaid,
            stoppable=unpaid or goes_on,
            undoable=not unpaid and not goes_on and (found.ending or found.follows is not None),
            ends=self._last(found.ends_at) if found.ends_at else "",
        )

    def choices(self, choices: Sequence[Choice], costs: Compared) -> tuple[list[Row], Past | None]:
        """The plans, by what each would have cost where that is known, and what no plan would have."""
        known = {cost.plan.id if cost.plan else None: cost for cost in costs.costs}
        dearest = max((cost.monthly_minor for cost in costs.costs), default=0)
        best = cheapest(costs.costs)
        order = list(known)
        rows = [
            Row(
                id=one.plan.id,
                name=plan_name(one.plan, locale=self.wording.locale),
                price=price_words(one.plan, self.of.currency, locale=self.wording.locale),
                included=included_words(one.plan.grants, locale=self.wording.locale),
                held=one.is_held,
                best=best is not None and best.plan is one.plan,
                keeps_number=one.plan.keeps_number,
                past=self._past(known[one.plan.id], dearest) if one.plan.id in known else None,
            )
            for one in sorted(choices, key=lambda one: order.index(one.plan.id) if one.plan.id in known else len(order))
        ]
        none = known.get(None)
        return rows, self._past(none, dearest) if none is not None else None

    def months(self, costs: Compared) -> list[str]:
        """The months that were looked at, by name."""
        months = Asked(costs.first, costs.until, ()).each_month()
        return [str(format_skeleton("MMM", first, locale=self.wording.locale)) for first, _ in months]

    def advice(self, choices: Sequence[Choice], costs: Compared) -> str:
        """One sentence: which plan would have been the cheapest, and how much it would have saved."""
        if not costs.costs:
            return self.wording.of(SUBJECT, "nothing_used") if choices else ""
        mine = self.of.plan.id if self.of.plan is not None else None
        found = advised(costs.costs, held=mine)
        if found is None:
            best = cheapest(costs.costs)
            is_known = best is not None or not any("cannot_be_rated" in cost.reasons for cost in costs.costs)
            return self.wording.of(SUBJECT, "best_yours" if best else "best_none") if is_known else ""
        name = plan_name(found.plan, locale=self.wording.locale)
        why = cost_reasons(found.best, self.of.currency, locale=self.wording.locale)[0]
        if found.saved_minor is None:
            return self.wording.of(SUBJECT, "best", plan=name, why=why)
        saved = self.money(found.saved_minor)
        return self.wording.of(SUBJECT, "best_saves" if mine else "best_saves_without", plan=name, saved=saved, why=why)

    def decision(self, choice: Choice, credit: Money) -> Decision:
        """What one decides about."""
        plan, locale = choice.plan, self.wording.locale
        waits = self.of.missing is not None
        can_begin = not choice.is_held or waits
        to_pay = choice.at_once.to_pay_minor
        return Decision(
            id=plan.id,
            name=plan_name(plan, locale=locale),
            price=price_words(plan, self.of.currency, locale=locale),
            included=included_words(plan.grants, locale=locale),
            renewing=renewing_words(plan, locale=locale),
            without=without_credit_words(plan, locale=locale),
            held=choice.is_held,
            credit=self.wording.money(credit),
            lacks=can_begin and to_pay > credit.amount_minor,
            now=self._now(choice) if can_begin else None,
            next=self._next(choice.next_cycle) if choice.next_cycle and not choice.is_held else None,
            when_paid_told=plan.price_minor if self.of.plan is None and to_pay > credit.amount_minor else None,
            loses=self.of.plan is not None and not waits and bool(self.of.included),
        )

    def _now(self, choice: Choice) -> Offer:
        terms, back, to_pay = choice.at_once.terms, choice.at_once.back_minor, choice.at_once.to_pay_minor
        items = [Item(self._cycle(terms), self.money(terms.price_minor))]
        if back and self.of.plan is not None:
            old = plan_name(self.of.plan, locale=self.wording.locale)
            items.append(
                Item(self.wording.of(SUBJECT, "item_back", plan=old), f"\N{MINUS SIGN}{self.money(back)}", back=True)
            )
        return Offer(
            "now", self._days(terms), items, self.money(abs(to_pay)), max(to_pay, 0), self._part(terms), back=to_pay < 0
        )

    def _next(self, terms: Terms) -> Offer:
        items = [Item(self._cycle(terms), self.money(terms.price_minor))]
        price = terms.price_minor
        return Offer("next_cycle", self._days(terms), items, self.money(price), price, self._part(terms))

    def _cycle(self, terms: Terms) -> str:
        return self.wording.of(SUBJECT, "item_cycle" if terms.is_whole else "item_part")

    def _part(self, terms: Terms) -> list[str]:
        """What a cycle that is no whole one includes."""
        return [] if terms.is_whole else included_words(terms.grants, locale=self.wording.locale)

    def _days(self, terms: Terms) -> str:
        return self.wording.of(
            SUBJECT, "from_until", since=self._first(terms.began_at), until=self._last(terms.ends_at)
        )

    def _first(self, began_at: datetime) -> str:
        return format_date(began_at, self.wording.locale, zone=self.of.zone)

    def _last(self, ends_at: datetime) -> str:
        return last_day_of(ends_at, self.of.zone, self.wording.locale)

    def _past(self, cost: PlanCost, dearest: int) -> Past:
        share = max(1, cost.monthly_minor * _WHOLE // dearest) if dearest and cost.monthly_minor else 0
        reasons = cost_reasons(cost, self.of.currency, locale=self.wording.locale)
        return Past(self.money(cost.monthly_minor), [self.money(one) for one in cost.by_month], reasons, share)

    def _ring(self, one: Included) -> Ring:
        share, locale = share_of(one.left, one.amount), self.wording.locale
        return Ring(
            name=self.wording.of(USAGE, f"asset.{one.asset}"),
            left=asset_words(one.asset, one.left, locale=locale, roughly=True),
            of=asset_words(one.asset, one.amount, locale=locale, roughly=True),
            share=share,
            little=share is not None and share < _LITTLE,
        )
