"""Top-ups that run by themselves, in words: what was agreed to, when one runs next, and what came of each run.

Whoever tells them, to their owner or to staff, says the same. `moment` is how the reader's page writes an instant.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from topup.kernel.money import Money
from topup.orders.schedules.records import Schedule
from topup.orders.schedules.rules import Agreement, Trigger
from topup.orders.schedules.runs import CAME_BACK, RunRow
from topup.orders.schedules.states import RunState, ScheduleState
from topup.platform.i18n import format_money, translate

DOMAIN: Final = "automatic"
_WHY: Final = frozenset(
    {
        "enough",
        "nothing_fits",
        "price_rose",
        "paused",
        "ended",
        "not_answered",
        "number_changed",
        "not_yours",
        "card_removed",
        "operator",
        "kept",
        "cap_reached",
        "too_soon",
        "came_back",
    }
)
"""Reasons of runs that have a sentence of their own."""

Moment = Callable[[datetime], str]


def state_words(state: ScheduleState, *, locale: str) -> str:
    """Whether it is on."""
    return translate(locale, DOMAIN, f"state_{state.value}")


def stopped_words(one: Schedule, *, locale: str) -> str:
    """Why it stopped; empty while it did not."""
    return translate(locale, DOMAIN, f"stopped_{one.reason}") if one.state is ScheduleState.STOPPED else ""


def agreed_words(agreement: Agreement, currency: str, *, locale: str) -> str:
    """What was agreed to, as one sentence."""

    def say(message_id: str, **parameters: object) -> str:
        return translate(locale, DOMAIN, message_id, **parameters)

    def money(minor: int | None) -> str:
        return format_money(Money(minor or 0, currency), locale)

    if agreement.trigger is Trigger.KEEP:
        bought = say("keeps")
    elif agreement.amount_minor is not None:
        bought = say("buys", amount=money(agreement.amount_minor))
    else:
        bought = say("fills", amount=money(agreement.target_minor))
    match agreement.trigger:
        case Trigger.MONTHLY:
            early = agreement.days_early
            when = say("when_monthly_early" if early else "when_monthly", day=agreement.day, early=early)
        case Trigger.LOW:
            when = say("when_low", amount=money(agreement.threshold_minor))
        case Trigger.EXPIRY:
            when = say("when_expiry", days=agreement.days_before)
        case Trigger.KEEP:
            when = say("when_keep")
    return say("agreed", when=when, bought=bought)


def run_words(run: RunRow, currency: str, *, locale: str, moment: Moment) -> str:
    """What was paid, and whether it came back; or why nothing was."""
    amount = format_money(Money(run.amount_minor, currency), locale)
    if run.state is RunState.WAITING and run.act_at is not None and run.attempt > 1:
        return translate(locale, DOMAIN, "run_again", amount=amount, again=moment(run.act_at))
    if run.state is RunState.FAILED:
        return translate(locale, DOMAIN, "run_failed", amount=amount, why=_why(run, locale))
    if run.state is RunState.SKIPPED:
        return translate(locale, DOMAIN, "run_skipped", why=_why(run, locale))
    if run.state is RunState.DONE and run.reason == CAME_BACK:
        return translate(locale, DOMAIN, "run_came_back", amount=amount)
    return translate(locale, DOMAIN, f"run_{run.state.value}", amount=amount)


def order_of(run: RunRow) -> str:
    """The id of the order that was paid, or is being paid; else empty."""
    return run.order_id if run.order_id and run.state in (RunState.DONE, RunState.PAYING) else ""


def next_words(one: Schedule, *, locale: str, moment: Moment) -> str:
    """When it runs next, as far as that is known; empty where it does not run."""
    if one.state is not ScheduleState.ACTIVE:
        return ""
    if one.is_unseen:
        return translate(locale, DOMAIN, "next_unseen")
    if one.reason in ("cap_reached", "too_soon", "under_way"):
        at = moment(one.next_at) if one.next_at else ""
        return translate(locale, DOMAIN, f"next_{one.reason}", at=at)
    if one.next_at is not None:
        return translate(locale, DOMAIN, "next_at", at=moment(one.next_at))
    return translate(locale, DOMAIN, f"next_{one.agreement.trigger.value}")


def _why(run: RunRow, locale: str) -> str:
    if run.reason in _WHY:
        return translate(locale, DOMAIN, f"why_{run.reason}")
    declined = run.reason.startswith("declined_")
    return translate(locale, DOMAIN, "why_declined" if declined else "why_not_possible")
