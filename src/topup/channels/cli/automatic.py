"""Automatic top-ups at the command line: what tops a number up by itself, what came of it, and stopping one."""

from datetime import datetime
from typing import Any, Final

import msgspec
from rich.markup import escape
from rich.table import Table

from topup.catalogue.queries import CatalogueCache
from topup.channels.cli.exits import Exit
from topup.channels.cli.ports import Runtime, Store
from topup.channels.cli.screen import money_json, out, print_json, show
from topup.channels.cli.speech import locale, say
from topup.kernel.money import Money
from topup.orders.schedules.desk import Schedules, ScheduleView
from topup.orders.schedules.rules import Trigger
from topup.orders.schedules.runs import RunRow
from topup.orders.schedules.wording import next_words
from topup.platform.i18n import format_minute, format_moment, format_money, in_zone, translate
from topup.platform.settings import Settings

_ACTOR: Final = "cli"
_SUBJECT: Final = "automatic"


async def list_automatic(runtime: Runtime, settings: Settings, *, number: str, as_json: bool) -> Exit:
    """List what tops a number up by itself, whoever agreed to it. Raises the refusals of `parse_msisdn`."""
    async with runtime.store(settings) as store:
        found = await _schedules(store).of_number(number=number)
    if as_json:
        print_json({"automatic": [_json(view) for view in found]})
    elif not found:
        out.print(f"[dim]{say('automatic.none')}[/]")
    else:
        table = Table(box=None, padding=(0, 2, 0, 1), show_header=False)
        for view in found:
            table.add_row(view.schedule.id, *map(escape, (_what(view), _state(view), _next(view))))
        show(table)
    return Exit.DONE


async def show_automatic(runtime: Runtime, settings: Settings, *, schedule_id: str, as_json: bool) -> Exit:
    """Show one with its latest runs, and why they did or did not top up. Raises NotFound `schedule_unknown`."""
    async with runtime.store(settings) as store:
        view = await _schedules(store).by_id(schedule_id=schedule_id)
    if as_json:
        print_json(_json(view))
        return Exit.DONE
    one = view.schedule
    out.print(f"[bold]{escape(_what(view))}[/]  {escape(one.msisdn.masked())}")
    out.print(f"  {escape(_state(view))}  {escape(_next(view))}")
    out.print(f"  {escape(_text('cap_label'))}: {_money(one.agreement.cap_minor, view)}")
    out.print(f"  {escape(_text('card_label'))}: {escape(view.card or _text('card_gone'))}")
    table = Table(box=None, padding=(0, 2, 0, 1), show_header=False)
    for run in view.runs:
        when = format_moment(run.at, locale(), zone=one.zone.key)
        table.add_row(when, run.state.value, _money(run.amount_minor, view), escape(run.reason))
    show(table)
    return Exit.DONE


async def stop_automatic(runtime: Runtime, settings: Settings, *, schedule_id: str, reason: str) -> Exit:
    """Stop one, for a reason that the trail keeps; its owner is told. Raises NotFound `schedule_unknown`, Invalid
    `approval_reason_missing`, `approval_reason_too_long`.
    """
    async with runtime.store(settings) as store:
        _, stopped = await _schedules(store).stop(schedule_id=schedule_id, by=_ACTOR, reason=reason, keys=store.keyring)
    out.print(f"[green]✓[/] {escape(say('automatic.stopped' if stopped else 'automatic.not_running'))}")
    return Exit.DONE


def _schedules(store: Store) -> Schedules:
    return Schedules(database=store.database, catalogue=CatalogueCache(), lanes=store.installation.lanes)


def _what(view: ScheduleView) -> str:
    agreement = view.schedule.agreement
    amount = agreement.amount_minor
    if agreement.trigger is Trigger.KEEP:
        bought = _text("keeps")
    elif amount is not None:
        bought = _text("buys", amount=_money(amount, view))
    else:
        bought = _text("fills", amount=_money(agreement.target_minor or 0, view))
    return _text("agreed", when=_text(f"trigger_{agreement.trigger.value}"), bought=bought)


def _state(view: ScheduleView) -> str:
    one = view.schedule
    why = _text(f"stopped_{one.reason}") if one.state.value == "stopped" else ""
    return " ".join(part for part in (_text(f"state_{one.state.value}"), why) if part)


def _next(view: ScheduleView) -> str:
    zone = view.schedule.zone.key

    def moment(at: datetime) -> str:
        return in_zone(format_minute(at, locale(), zone=zone), locale(), zone=zone)

    return next_words(view.schedule, locale=locale(), moment=moment)


def _text(message_id: str, **parameters: object) -> str:
    return translate(locale(), _SUBJECT, message_id, **parameters)


def _money(minor: int, view: ScheduleView) -> str:
    return format_money(Money(minor, view.schedule.currency), locale())


def _json(view: ScheduleView) -> dict[str, Any]:
    one = view.schedule
    agreed = {name: value for name, value in msgspec.to_builtins(one.agreement).items() if value is not None}
    return {
        "id": one.id,
        "number": one.msisdn.e164,
        "state": one.state.value,
        "reason": one.reason,
        "currency": one.currency,
        "agreement": agreed,
        "next_at": one.next_at.isoformat() if one.next_at else None,
        "runs": [_run_json(run, one.currency) for run in view.runs],
    }


def _run_json(run: RunRow, currency: str) -> dict[str, Any]:
    return {
        "cause": run.cause,
        "state": run.state.value,
        "reason": run.reason,
        "amount": money_json(run.amount(currency)),
        "due_at": run.due_at.isoformat(),
        "ended_at": run.ended_at.isoformat() if run.ended_at else None,
        "order": run.order_id,
    }
