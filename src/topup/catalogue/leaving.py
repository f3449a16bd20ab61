"""When time alone leads a line out of its state, and when it is to be reminded of that."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from topup.catalogue.life_cycle_rules import Exit, LineRules
from topup.catalogue.line_facts import LineFacts, Reminder
from topup.catalogue.terms import end_in_state, latest_instant, local_of

_ENDED_BY = {"credit_used_up": "used_up", "credit_expired": "expired"}


def next_exit(rules: LineRules, facts: LineFacts, zone: ZoneInfo) -> tuple[datetime, Exit] | None:
    """The exit that time opens first and when it does, which may be long past; None: time changes nothing.

    Of two at once the one that stands first in the file. Raises StateUnknown.
    """
    first: tuple[datetime, Exit] | None = None
    for way in rules.state(facts.state).exits:
        opens = _opens_at(way, facts, zone)
        if opens is not None and (first is None or opens < first[0]):
            first = opens, way
    return first


def all_reminders(rules: LineRules, facts: LineFacts, zone: ZoneInfo) -> Iterator[Reminder]:
    """The reminders before the next exit, the earliest first: at the same time of day, so many days sooner.

    Before an exit by credit that was used up there is none: nobody knew the day.
    """
    state = rules.state(facts.state)
    upcoming = next_exit(rules, facts, zone) if state.remind_days else None
    if upcoming is None:
        return
    due, way = upcoming
    local = local_of(due, zone)
    for days in sorted(state.remind_days, reverse=True):
        at = latest_instant(local.date() - timedelta(days=days), local.time(), zone)
        if at >= facts.state_since:
            yield Reminder(at, days, due, way)


def _opens_at(way: Exit, facts: LineFacts, zone: ZoneInfo) -> datetime | None:
    found = _reason_since(way, facts, zone)
    return None if found is None else max(found, facts.state_since)


def _reason_since(way: Exit, facts: LineFacts, zone: ZoneInfo) -> datetime | None:
    """Since when, or from when on, the reason of an exit holds; None where time does not bring it."""
    if way.when == "clock" and way.clock is not None:
        return facts.clocks.get(way.clock)
    if way.when == "days" and way.term is not None:
        return end_in_state(way.term, zone, facts.state_since)
    if way.when in {"credit_gone", *_ENDED_BY}:
        return _credit_gone(facts, _ENDED_BY.get(way.when))
    since = max(facts.funds_since or facts.state_since, facts.state_since)
    if way.when == "credit_back":
        holds = facts.usable_minor(since) > 0
    elif way.when == "arrears":
        holds = facts.arrears_minor > 0
    else:
        holds = way.when == "arrears_paid" and facts.arrears_minor == 0
    return since if holds else None


def _credit_gone(facts: LineFacts, by: str | None) -> datetime | None:
    """When the last money went or will go, in the way `by` (None: in any)."""
    ends = [portion.ends_at for portion in facts.funds]
    last = max((end for end in ends if end is not None), default=None)
    if not ends:
        since = facts.funds_since or facts.state_since
        return since if by in {None, facts.gone} else None
    return None if None in ends or by == "used_up" else last
