"""What keeps a number, at the command line."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from topup.channels.cli.exits import Exit
from topup.channels.cli.ports import Runtime
from topup.channels.cli.screen import money_json, print_json, show
from topup.channels.cli.speech import locale, say
from topup.kernel.errors import Invalid
from topup.kernel.money import Money
from topup.lines.keeping.advice import Advice
from topup.lines.wording import counts_words, moment_words, renewals_words
from topup.orders.wording import end_of, name_in
from topup.platform.i18n import format_date, format_money
from topup.platform.settings import Settings


async def show_keeping(runtime: Runtime, settings: Settings, *, number: str, until: str | None, as_json: bool) -> Exit:
    """How long a number is kept. Raises NotFound `line_unknown`, Invalid `day_unreadable` and `keeping_until`."""
    try:
        day = date.fromisoformat(until) if until else None
    except ValueError:
        raise Invalid("day_unreadable") from None
    async with runtime.house(settings, outside=False) as house:
        found = await house.desk.keeping(number=number, until=day)
    if as_json:
        print_json(_json(found))
    else:
        show(Group(*_told(found)))
    return Exit.DONE


def _told(found: Advice) -> list[RenderableType]:
    heading = Text(" ").append(found.msisdn.grouped(), style="bold green")
    heading.append(f"  {name_in(found.carrier_names, locale=locale())}")
    facts = Table(box=None, show_header=False, padding=(0, 2, 0, 2), pad_edge=True)
    facts.add_column(style="dim")
    rows = [*_runway(found), *([] if found.runway.is_lost else _to_do(found)), *_counting(found)]
    for name, words in rows:
        facts.add_row(name, words)
    return [heading, facts, Text(f"  {found.zone}", style="dim")]


def _runway(found: Advice) -> Iterator[tuple[str, str]]:
    runway = found.runway
    if runway.serves_until is not None:
        yield say("keeping.serves"), end_of(runway.serves_until, zone=found.zone, locale=locale())
    if runway.kept_until is not None:
        yield say("keeping.kept"), end_of(runway.kept_until, zone=found.zone, locale=locale())
    else:
        yield say("keeping.kept"), say("keeping.lost" if runway.is_lost else "keeping.always")
    if runway.months is not None:
        yield say("keeping.months"), str(runway.months)
    if runway.renewals is not None and not runway.is_lost:
        yield say("keeping.renewals"), renewals_words(found, locale=locale())
    if found.released_on is not None:
        yield say("keeping.released"), _moment(found, found.released_on)


def _to_do(found: Advice) -> Iterator[tuple[str, str]]:
    day = format_date(found.until, locale(), zone=found.zone)
    if found.least is not None:
        least = format_money(found.least, locale()) if found.least.amount_minor else say("keeping.nothing")
        yield say("keeping.least", day=day), least
    if found.row is None:
        yield say("keeping.row", day=day), say("keeping.none")
    for one in found.row.top_ups if found.row else ():
        amount = format_money(one.amount, locale())
        yield say("keeping.row", day=day), say("keeping.before", what=amount, date=_moment(found, one.before))
    for plan in found.plans[:1]:
        name = name_in(plan.plan.names, locale=locale())
        yield say("keeping.plan"), f"{name} · {format_money(plan.cost, locale())}"


def _counting(found: Advice) -> Iterator[tuple[str, str]]:
    for one in found.keeps:
        yield say("keeping.counts"), counts_words(one, keeps=True, locale=locale())
    for other in found.keeps_not:
        yield say("keeping.counts_not"), counts_words(other, keeps=False, locale=locale())


def _moment(found: Advice, instant: datetime) -> str:
    return moment_words(instant, zone=found.zone, locale=locale())


def _json(found: Advice) -> dict[str, Any]:
    runway = found.runway
    row = found.row.top_ups if found.row else None
    ahead = runway.renewals
    renewals = (
        {
            "plan": ahead.plan.id,
            "paid": ahead.paid,
            "cost": money_json(Money(ahead.cost_minor, found.currency)),
            "unpaid_at": ahead.unpaid_at,
        }
        if ahead
        else None
    )
    return {
        "number": found.msisdn.e164,
        "line_id": found.line_id,
        "until": found.until.isoformat(),
        "lost": runway.is_lost,
        "serves_until": runway.serves_until,
        "kept_until": runway.kept_until,
        "months": runway.months,
        "renewals": renewals,
        "released_on": found.released_on,
        "least": money_json(found.least) if found.least is not None else None,
        "row": [{"amount": money_json(one.amount), "before": one.before} for one in row] if row is not None else None,
        "plans": [{"id": one.plan.id, "cost": money_json(one.cost), "cycles": one.cycles} for one in found.plans],
        "keeps": [one.what for one in found.keeps],
        "keeps_not": [one.what for one in found.keeps_not],
        "time_zone": found.zone,
    }
