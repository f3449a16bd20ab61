"""The ways in which a line at a till can have a plan, and what each costs: the same words for clerk and customer."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from topup.catalogue.plan_cycles import Terms
from topup.channels.counter.wording import DOMAIN as COUNTER
from topup.channels.counter.wording import PriceRow
from topup.charging.usage.comparing import PlanCost, cheapest
from topup.charging.usage.wording import cost_reasons
from topup.kernel.money import Money
from topup.lines.plans.desk import Choice, PlanShown, When
from topup.lines.plans.wording import DOMAIN, included_words, last_day_of, plan_name, price_words
from topup.platform.i18n import format_date, format_money, translate

WHENS: Final[tuple[When, ...]] = ("now", "next_cycle", "when_paid")
_CALLED: Final[dict[When, str]] = {"now": "have_now", "next_cycle": "have_next", "when_paid": "when_paid"}
_NOT_TODAY: Final[dict[When, str]] = {"next_cycle": "next_about", "when_paid": "when_paid_about"}


@dataclass(frozen=True, slots=True)
class Way:
    """One way to have a plan: what it is called, its days, its cost line by line and on the whole as it is paid today,
    what there is to say about it. `told_minor`: the most it may cost; `back`: it costs nothing, and something comes
    back.
    """

    when: When
    name: str
    days: str
    items: tuple[PriceRow, ...]
    total_label: str
    total: str
    about: tuple[str, ...]
    included: tuple[str, ...]
    told_minor: int
    back: bool = False


@dataclass(frozen=True, slots=True)
class PlanRow:
    """A plan among others; `monthly` and `why`: what it would have cost by real use, empty where nothing was used."""

    id: str
    name: str
    price: str
    included: str
    monthly: str
    why: str
    held: bool
    best: bool


def rows_of(shown: PlanShown, choices: Sequence[Choice], costs: Sequence[PlanCost], *, locale: str) -> list[PlanRow]:
    """The plans, by what each would have cost where that is known."""
    known = {cost.plan.id: cost for cost in costs if cost.plan is not None}
    best, order = cheapest(costs), list(known)
    sort = sorted(choices, key=lambda one: order.index(one.plan.id) if one.plan.id in known else len(order))
    return [
        PlanRow(
            id=one.plan.id,
            name=plan_name(one.plan, locale=locale),
            price=price_words(one.plan, shown.currency, locale=locale),
            included=" · ".join(included_words(one.plan.grants, locale=locale)),
            monthly=_money(known[one.plan.id].monthly_minor, shown, locale) if one.plan.id in known else "",
            why=" ".join(cost_reasons(known[one.plan.id], shown.currency, locale=locale))
            if one.plan.id in known
            else "",
            held=one.is_held,
            best=best is not None and best.plan is one.plan,
        )
        for one in sort
    ]


def ways_of(shown: PlanShown, choice: Choice, credit: Money, *, locale: str) -> list[Way]:
    """How the line can have this plan; none where it has it and has paid for it."""
    to_pay, waits = choice.at_once.to_pay_minor, shown.missing is not None
    found: list[Way] = []
    if (not choice.is_held or waits) and to_pay <= credit.amount_minor:
        found.append(_now(shown, choice, locale, waits=waits))
    if choice.next_cycle is not None and not choice.is_held:
        found.append(_later("next_cycle", shown, choice.next_cycle, locale))
    if shown.plan is None and to_pay > credit.amount_minor:
        found.append(_later("when_paid", shown, _whole(choice), locale))
    return found


def _now(shown: PlanShown, choice: Choice, locale: str, *, waits: bool) -> Way:
    terms, back, to_pay = choice.at_once.terms, choice.at_once.back_minor, choice.at_once.to_pay_minor
    items = [_cycle(terms, shown, locale)]
    if back and shown.plan is not None:
        said = translate(locale, DOMAIN, "item_back", plan=plan_name(shown.plan, locale=locale))
        items.append(PriceRow(said, f"\N{MINUS SIGN}{_money(back, shown, locale)}"))
    loses = shown.plan is not None and not waits and bool(shown.included)
    return Way(
        when="now",
        name=translate(locale, DOMAIN, _CALLED["now"]),
        days=_days(terms, shown, locale),
        items=tuple(items),
        total_label=translate(locale, DOMAIN, "total_back" if to_pay < 0 else "total"),
        total=_money(abs(to_pay), shown, locale),
        about=(translate(locale, DOMAIN, "loses"),) if loses else (),
        included=tuple(included_words(terms.grants, locale=locale)),
        told_minor=max(to_pay, 0),
        back=to_pay < 0,
    )


def _later(when: When, shown: PlanShown, terms: Terms, locale: str) -> Way:
    """Nothing is paid today."""
    return Way(
        when=when,
        name=translate(locale, DOMAIN, _CALLED[when]),
        days=_days(terms, shown, locale) if when == "next_cycle" else "",
        items=(_cycle(terms, shown, locale),),
        total_label=translate(locale, COUNTER, "plan_total_today"),
        total=_money(0, shown, locale),
        about=(translate(locale, DOMAIN, _NOT_TODAY[when]),),
        included=tuple(included_words(terms.grants, locale=locale)),
        told_minor=terms.price_minor,
    )


def _whole(choice: Choice) -> Terms:
    """What it costs at most: on which day the money comes, and how many days are left then, is not known."""
    plan = choice.plan
    return replace(choice.at_once.terms, price_minor=plan.price_minor, grants=plan.grants, is_whole=True)


def _cycle(terms: Terms, shown: PlanShown, locale: str) -> PriceRow:
    said = translate(locale, DOMAIN, "item_cycle" if terms.is_whole else "item_part")
    return PriceRow(said, _money(terms.price_minor, shown, locale))


def _days(terms: Terms, shown: PlanShown, locale: str) -> str:
    since = format_date(terms.began_at, locale, zone=shown.zone)
    return translate(locale, DOMAIN, "from_until", since=since, until=last_day_of(terms.ends_at, shown.zone, locale))


def _money(amount_minor: int, shown: PlanShown, locale: str) -> str:
    return format_money(Money(amount_minor, shown.currency), locale)
