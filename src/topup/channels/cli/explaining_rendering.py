"""How the explanation of a top-up looks in a terminal, and in JSON."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from topup.catalogue.explaining import ClockTold, Explanation, GrantTold, Standing
from topup.catalogue.life_cycle_rules import ALL_KINDS, Exit
from topup.catalogue.line_facts import Change, Effect
from topup.catalogue.pricing import QuoteLine
from topup.catalogue.sharing import Shared
from topup.catalogue.versions import CarrierVersion
from topup.channels.cli.screen import money_json
from topup.channels.cli.speech import locale, say
from topup.kernel.money import Money
from topup.orders.wording import amount_words, line_words, until_words, why_words
from topup.platform.i18n import format_date, format_datetime, format_money, translate


def explained(told: Explanation) -> RenderableType:
    """Price, what it brings and why until then, clocks, state, and what is to come."""
    zone = told.carrier.document.time_zone
    heading = Text(" ").append(told.carrier.name(locale()), style="bold green")
    heading.append(f"  {format_datetime(told.now, locale(), zone=zone)} ({zone})", style="dim")
    parts: list[RenderableType] = [heading, *_section("price", _prices(told))]
    parts += _section("brings", _grants(told.grants, zone))
    if told.clocks:
        parts += _section("clocks", _clocks(told.clocks, zone))
    parts += _section("state", _states(told))
    parts += _section("to_come", _to_come(told.after, zone))
    return Group(*parts)


def shared(carrier: CarrierVersion, sent: Shared) -> RenderableType:
    """What the sender pays, and what the receiver has and until when."""
    zone = carrier.document.time_zone
    prices = _grid()
    prices.add_row(say("explain.sent"), format_money(sent.amount, locale()))
    prices.add_row(say("explain.sharing_fee"), format_money(sent.fee, locale()))
    prices.add_row(f"[bold]{say('explain.sender_pays')}[/]", f"[bold]{format_money(sent.total, locale())}[/]")
    ends = sent.grant.validity.usable_until
    told = GrantTold(sent.grant, sent.grant.amount, None, ends)
    heading = Text(" ").append(carrier.name(locale()), style="bold green")
    return Group(heading, *_section("price", prices), *_section("receiver_gets", _grants((told,), zone)))


def _section(name: str, content: RenderableType) -> list[RenderableType]:
    return [Text(""), Text(f" {say(f'explain.{name}')}", style="bold"), content]


def _grid() -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 2), pad_edge=True)
    table.add_column(min_width=24)
    return table


def _word(message_id: str, **parameters: object) -> str:
    return translate(locale(), "catalogue", message_id, **parameters)


def _prices(told: Explanation) -> Table:
    table = _grid()
    table.add_column(justify="right")
    for line in told.priced.lines:
        table.add_row(_line(line), format_money(line.amount, locale()))
    table.add_row(f"[bold]{say('price.total')}[/]", f"[bold]{format_money(told.priced.total_before_fee, locale())}[/]")
    for method, fee in told.priced.fees.items():
        paid = format_money(Money(fee, told.carrier.currency), locale())
        table.add_row(f"[dim]{say('explain.fee', method=method)}[/]", f"[dim]{paid}[/]")
    return table


def _line(line: QuoteLine) -> str:
    return line_words(line.type, line.label_id, line.parameters, locale=locale())


def _grants(grants: Iterable[GrantTold], zone: str) -> Table:
    table = _grid()
    for told in grants:
        grant = told.grant
        what = amount_words(grant.asset, told.credited, locale=locale())
        kind = _word(f"kind_{grant.kind}")
        table.add_row(what, kind, until_words(told.ends, zone=zone, locale=locale()))
        notes = [why_words(grant.rule, locale=locale())]
        if told.ends is not None:
            notes.append(_word(f"policy_{grant.validity.policy}"))
        if told.ended is not None:
            notes.append(say("explain.ended", until=until_words(told.ended, zone=zone, locale=locale())))
        if told.credited < grant.amount:
            whole = amount_words(grant.asset, grant.amount, locale=locale())
            notes.append(say("explain.less", whole=whole))
        for note in notes:
            table.add_row("", "", Text(note, style="dim"))
    return table


def _clocks(clocks: Iterable[ClockTold], zone: str) -> Table:
    table = _grid()
    for clock in clocks:
        moved = "explain.clock_same" if clock.before == clock.after else "explain.clock_set"
        table.add_row(clock.name, say(moved, before=_day(clock.before, zone), after=_day(clock.after, zone)))
    return table


def _day(instant: datetime | None, zone: str) -> str:
    """The last day before an instant."""
    if instant is None:
        return say("explain.not_running")
    return format_date(instant - timedelta(microseconds=1), locale(), zone=zone)


def _moment(instant: datetime, zone: str) -> str:
    """An instant; the beginning of a day is said as that day."""
    local = instant.astimezone(ZoneInfo(zone))
    said = format_date if (local.hour, local.minute, local.second) == (0, 0, 0) else format_datetime
    return said(local, locale(), zone=zone)


def _states(told: Explanation) -> Table:
    table = _grid()
    table.add_row(say("explain.before"), _standing(told.before, told.carrier))
    table.add_row(say("explain.after"), _standing(told.after, told.carrier))
    for change in told.changes:
        table.add_row("", Text(_reason(change.exit), style="dim"))
    for effect in told.effects:
        table.add_row("", Text(_effect(effect), style="dim"))
    for word in told.carrier.line_rules.state(told.after.state).blocks:
        table.add_row("", Text(_word(f"blocks_{word}"), style="red"))
    return table


def _standing(standing: Standing, carrier: CarrierVersion) -> str:
    balance = Money(standing.balance_minor - standing.arrears_minor, carrier.currency)
    return f"{_word(f'shows_{standing.shows}')} ({standing.state}) · {format_money(balance, locale())}"


def _to_come(standing: Standing, zone: str) -> RenderableType:
    if not standing.to_come:
        return Text(f"  {say('explain.nothing_to_come')}", style="dim")
    table = _grid()
    for change in standing.to_come:
        table.add_row(
            _moment(change.at, zone),
            f"{_word(f'shows_{change.shows}')} ({change.entered})",
            Text(_why(change), style="dim"),
        )
    return table


def _why(change: Change) -> str:
    ends = [_word("change_closes")] if change.closes else []
    ends += [_word("change_releases_number")] if change.releases_number else []
    return " ".join([_reason(change.exit), *ends])


def _reason(way: Exit) -> str:
    if way.when == "days" and way.term is not None:
        months = way.term.months
        return _word("exit_days", days=way.term.days) if months is None else _word("exit_months", months=months)
    return _word(f"exit_{way.when}", clock=way.clock)


def _effect(effect: Effect) -> str:
    kinds = [_word(f"kind_{kind}") for kind in effect.kinds]
    return _word(f"effect_{effect.do}_all") if ALL_KINDS in effect.kinds else _word(f"effect_{effect.do}", kinds=kinds)


def explained_json(told: Explanation) -> dict[str, Any]:
    """The same for programs: instants in UTC, amounts in minor units, reasons as message ids with parameters."""
    return {
        "carrier": told.carrier.carrier_id,
        "time_zone": told.carrier.document.time_zone,
        "at": told.now,
        "total": money_json(told.priced.total_before_fee),
        "lines": [{"type": line.type, "amount": money_json(line.amount)} for line in told.priced.lines],
        "payment_fees": {
            method: money_json(Money(fee, told.carrier.currency)) for method, fee in told.priced.fees.items()
        },
        "grants": [_grant_json(grant) for grant in told.grants],
        "clocks": [{"name": clock.name, "before": clock.before, "after": clock.after} for clock in told.clocks],
        "before": _standing_json(told.before),
        "after": _standing_json(told.after),
        "changes": [_change_json(change) for change in told.changes],
        "effects": [{"do": effect.do, "kinds": list(effect.kinds), "at": effect.at} for effect in told.effects],
    }


def shared_json(sent: Shared) -> dict[str, Any]:
    """Credit sent, for programs."""
    grant = GrantTold(sent.grant, sent.grant.amount, None, sent.grant.validity.usable_until)
    return {
        "amount": money_json(sent.amount),
        "fee": money_json(sent.fee),
        "total": money_json(sent.total),
        "grant": _grant_json(grant),
    }


def _grant_json(told: GrantTold) -> dict[str, Any]:
    return {
        "asset": told.grant.asset,
        "amount": told.grant.amount,
        "credited": told.credited,
        "kind": told.grant.kind,
        "scope": told.grant.scope,
        "priority": told.grant.priority,
        "policy": told.grant.validity.policy,
        "ended": told.ended,
        "usable_until": told.ends,
        "rule": told.grant.rule,
    }


def _standing_json(standing: Standing) -> dict[str, Any]:
    return {
        "state": standing.state,
        "shows": standing.shows,
        "balance_minor": standing.balance_minor,
        "arrears_minor": standing.arrears_minor,
        "to_come": [_change_json(change) for change in standing.to_come],
    }


def _change_json(change: Change) -> dict[str, Any]:
    return {
        "at": change.at,
        "left": change.left,
        "entered": change.entered,
        "shows": change.shows,
        "reason": change.exit.when,
        "closes": change.closes,
        "releases_number": change.releases_number,
    }
