"""`topup catalogue explain --plan`: a plan's cycles from a day on, what each costs and includes, what comes back."""

from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from topup.catalogue.plan_cycles import Running, Terms, beginning, given_back, renewal
from topup.catalogue.plan_rules import Plan
from topup.catalogue.versions import CarrierVersion
from topup.channels.cli.screen import money_json
from topup.channels.cli.speech import locale, say
from topup.kernel.money import Money
from topup.lines.plans.wording import (
    day_of,
    included_words,
    last_day_of,
    plan_name,
    price_words,
    renewing_words,
    without_credit_words,
)
from topup.platform.i18n import format_money

CYCLES: Final = 4
"""So many are told."""


def cycles_of(carrier: CarrierVersion, plan: Plan, now: datetime) -> list[Terms]:
    """The first cycles of a plan that begins at `now`."""
    found = [beginning(plan, carrier.zone, now)]
    while len(found) < CYCLES and plan.cycle != "once":
        due = found[-1].ends_at
        found.append(renewal(plan, carrier.zone, anchor=now, due=due, now=due))
    return found


def back_of(carrier: CarrierVersion, plan: Plan, first: Terms) -> tuple[datetime, Money]:
    """In the middle of the first cycle, and what a switch then gives back at most: with nothing used."""
    at = first.began_at + (first.ends_at - first.began_at) / 2
    running = Running(first.began_at, first.ends_at, first.price_minor)
    return at, Money(given_back(plan, carrier.zone, running, at, Fraction(1)), carrier.currency)


def explained_plan(carrier: CarrierVersion, plan: Plan, now: datetime) -> RenderableType:
    """Its cycles as a table, and its rules in words."""
    zone, cycles = carrier.document.time_zone, cycles_of(carrier, plan, now)
    heading = Text(" ").append(plan_name(plan, locale=locale()), style="bold green")
    heading.append(f"  {price_words(plan, carrier.currency, locale=locale())}", style="dim")
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 2), pad_edge=True)
    for terms in cycles:
        since, until = day_of(terms.began_at, zone, locale()), last_day_of(terms.ends_at, zone, locale())
        price = format_money(Money(terms.price_minor, carrier.currency), locale())
        part = "" if terms.is_whole else say("explain.plan_part")
        included = " · ".join(included_words(terms.grants, locale=locale()))
        table.add_row(
            escape(f"{since} \N{EN DASH} {until}"), escape(price), escape(included), f"[dim]{escape(part)}[/]"
        )
    at, back = back_of(carrier, plan, cycles[0])
    day = day_of(at - timedelta(seconds=at.second, microseconds=at.microsecond), zone, locale())
    sentences = [
        renewing_words(plan, locale=locale()),
        say("explain.plan_back", day=day, back=format_money(back, locale()))
        if back.amount_minor
        else say("explain.plan_no_back"),
        *without_credit_words(plan, locale=locale()),
    ]
    return Group(heading, Text(""), table, Text(""), *(Text(f"  {one}") for one in sentences))


def explained_plan_json(carrier: CarrierVersion, plan: Plan, now: datetime) -> dict[str, Any]:
    """The same for programs."""
    cycles = cycles_of(carrier, plan, now)
    at, back = back_of(carrier, plan, cycles[0])
    return {
        "plan": plan.id,
        "cycles": [
            {
                "began_at": terms.began_at,
                "ends_at": terms.ends_at,
                "price": money_json(Money(terms.price_minor, carrier.currency)),
                "is_whole": terms.is_whole,
                "included": [{"asset": grant.asset, "amount": grant.amount} for grant in terms.grants],
            }
            for terms in cycles
        ],
        "switched_at": at,
        "gives_back_at_most": money_json(back),
    }
