"""Plans in words, the same on every channel: what one costs and includes, when it renews, what without credit."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from topup.catalogue.grant_rules import GrantRule
from topup.catalogue.plan_rules import Plan
from topup.catalogue.quantities import rough_text
from topup.kernel.money import Money
from topup.lines.plans.desk import PlanShown
from topup.lines.plans.states import PlanChange, PlanStanding
from topup.lines.wording import block_words, moment_words
from topup.platform.i18n import DEFAULT_LOCALE, format_date, format_money, translate

DOMAIN: Final = "plans"
_MOMENT: Final = timedelta(seconds=1)


def plan_name(plan: Plan, *, locale: str) -> str:
    """Its name in the one of its languages that the reader reads."""
    return plan.names.get(locale) or plan.names[DEFAULT_LOCALE]


def price_words(plan: Plan, currency: str, *, locale: str) -> str:
    """What a whole cycle costs: `HK$68.00 a month`."""
    price = format_money(Money(plan.price_minor, currency), locale)
    return translate(locale, DOMAIN, f"per_{plan.cycle}", price=price, days=plan.days or 0)


def included_words(grants: Sequence[GrantRule], *, locale: str) -> list[str]:
    """What a cycle includes, a part each."""
    return [_grant_words(one, locale) for one in grants]


def _grant_words(grant: GrantRule, locale: str) -> str:
    message_id, parameters = rough_text(grant.asset, grant.amount)
    said = translate(locale, "catalogue", message_id, **parameters)
    roll = grant.validity.roll
    return translate(locale, DOMAIN, "rolls", what=said, days=roll.days) if roll else said


def standing_words(standing: PlanStanding, *, locale: str) -> str:
    """How a line stands with its plan."""
    return translate(locale, DOMAIN, f"standing_{standing.value}")


def change_words(what: PlanChange, *, locale: str) -> str:
    """What became of a plan."""
    return translate(locale, DOMAIN, f"change_{what.value}")


def renewing_words(plan: Plan, *, locale: str) -> str:
    """On which day it renews."""
    if plan.cycle in {"once", "days"}:
        return translate(locale, DOMAIN, f"renews_{plan.cycle}", days=plan.days or 0)
    if plan.renews == "anniversary":
        return translate(locale, DOMAIN, "renews_anniversary")
    return translate(locale, DOMAIN, "renews_calendar" if plan.day == 1 else "renews_on_day", day=plan.day)


def without_credit_words(plan: Plan, *, locale: str) -> list[str]:
    """What happens when a renewal cannot be paid, a sentence for each step."""
    if plan.cycle == "once":
        return []
    rule = plan.without_credit
    said = []
    if rule.grace_days or not rule.blocks:
        said.append(
            translate(locale, DOMAIN, "without_grace" if rule.blocks else "without_included", days=rule.grace_days)
        )
    if rule.blocks and rule.lapse_days > rule.grace_days:
        blocks = [block_words(one, locale=locale) for one in rule.blocks]
        said.append(
            translate(locale, DOMAIN, "without_blocks" if rule.grace_days else "without_blocks_now", blocks=blocks)
        )
    return [
        *said,
        translate(locale, DOMAIN, "without_lapse" if rule.lapse_days else "without_over", days=rule.lapse_days),
    ]


def next_words(found: PlanShown, *, locale: str) -> str:
    """What comes after the cycle at hand, and when; of one that is not paid, what it needs. Empty without a plan."""
    if found.plan is None or found.ends_at is None:
        return ""
    if found.missing is not None:
        price = format_money(found.missing, locale)
        if found.lapses_at is None:
            return translate(locale, DOMAIN, "next_first", price=price)
        return translate(locale, DOMAIN, "next_missing", price=price, day=day_of(found.lapses_at, found.zone, locale))
    if found.follows is None:
        return translate(locale, DOMAIN, "next_ends", day=last_day_of(found.ends_at, found.zone, locale))
    day = day_of(found.ends_at, found.zone, locale)
    price = format_money(Money(found.follows.price_minor, found.currency), locale)
    if found.follows.plan.id == found.plan.id:
        return translate(locale, DOMAIN, "next_renews", day=day, price=price)
    name = plan_name(found.follows.plan, locale=locale)
    return translate(locale, DOMAIN, "next_switches", day=day, price=price, plan=name)


def last_day_of(ends_at: datetime, zone: str, locale: str) -> str:
    """The last day of what ends then, by the line's own calendar."""
    return format_date(ends_at - _MOMENT, locale, zone=zone)


def day_of(instant: datetime, zone: str, locale: str) -> str:
    """An instant by the line's own clocks; the beginning of a day as that day."""
    return moment_words(instant, zone=zone, locale=locale)
