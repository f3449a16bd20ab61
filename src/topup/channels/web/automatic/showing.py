"""A top-up that runs by itself, in its owner's words: what was agreed to, when it runs next, how the last one went."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from topup.channels.web.wording import Wording
from topup.kernel.money import Money
from topup.orders.schedules.desk import ScheduleView
from topup.orders.schedules.records import Schedule
from topup.orders.schedules.rules import Agreement, Trigger
from topup.orders.schedules.runs import RunRow
from topup.orders.schedules.states import RunState, ScheduleState
from topup.payments.instruments.ports import Terms

SUBJECT: Final = "automatic"
_TONES: Final = {
    ScheduleState.ACTIVE: "done",
    ScheduleState.PAUSED: "wait",
    ScheduleState.STOPPED: "alarm",
}


@dataclass(frozen=True, slots=True)
class RunShown:
    """One run: when, and what came of it; `order` leads to its order, where there is one."""

    when: str
    what: str
    order: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A schedule on its page."""

    id: str
    number: str
    carrier: str
    what: str
    cap: str
    interval_days: int
    card: str
    card_id: str
    currency: str
    state: str
    state_text: str
    tone: str
    next: str
    last: RunShown | None
    runs: list[RunShown]
    active: bool
    why: str


def shown(view: ScheduleView, wording: Wording, now: datetime) -> Shown:
    """A schedule in words."""
    one = view.schedule
    zone = one.zone.key
    runs = [run_shown(run, one, wording, now) for run in view.runs]
    return Shown(
        id=one.id,
        number=one.msisdn.grouped(),
        carrier=wording.name(view.carrier_names) if view.carrier_names else "",
        what=agreed(one.agreement, one.currency, wording),
        cap=wording.money(Money(one.agreement.cap_minor, one.currency)),
        interval_days=one.agreement.interval_days,
        card=view.card or wording.of(SUBJECT, "card_gone"),
        card_id=one.instrument_id,
        currency=one.currency,
        state=one.state.value,
        state_text=wording.of(SUBJECT, f"state_{one.state.value}"),
        tone=_TONES[one.state],
        next=_next(one, wording, zone, now),
        last=runs[0] if runs else None,
        runs=runs,
        active=one.state is ScheduleState.ACTIVE,
        why=wording.of(SUBJECT, f"stopped_{one.reason}") if one.state is ScheduleState.STOPPED else "",
    )


def terms_shown(terms: Terms | None, wording: Wording) -> str:
    """What a wallet's owner agreed to there; empty for a card."""
    if terms is None:
        return ""
    return wording.of(SUBJECT, "wallet_terms", most=wording.money(terms.most), days=terms.every_days)


def agreed(agreement: Agreement, currency: str, wording: Wording) -> str:
    """What was agreed to, as one sentence."""

    def money(minor: int | None) -> str:
        return wording.money(Money(minor or 0, currency))

    if agreement.trigger is Trigger.KEEP:
        bought = wording.of(SUBJECT, "keeps")
    elif agreement.amount_minor is not None:
        bought = wording.of(SUBJECT, "buys", amount=money(agreement.amount_minor))
    else:
        bought = wording.of(SUBJECT, "fills", amount=money(agreement.target_minor))
    match agreement.trigger:
        case Trigger.MONTHLY:
            when = wording.of(
                SUBJECT, "when_monthly_early" if agreement.days_early else "when_monthly",
                day=agreement.day, early=agreement.days_early,
            )  # fmt: skip
        case Trigger.LOW:
            when = wording.of(SUBJECT, "when_low", amount=money(agreement.threshold_minor))
        case Trigger.EXPIRY:
            when = wording.of(SUBJECT, "when_expiry", days=agreement.days_before)
        case Trigger.KEEP:
            when = wording.of(SUBJECT, "when_keep")
    return wording.of(SUBJECT, "agreed", when=when, bought=bought)


def run_shown(run: RunRow, one: Schedule, wording: Wording, now: datetime) -> RunShown:
    """A run in words: what was paid, or why nothing was."""
    amount = wording.money(Money(run.amount_minor, one.currency))
    if run.state is RunState.WAITING and run.act_at is not None and run.attempt > 1:
        again = wording.clock(run.act_at, one.zone.key, today=now)
        what = wording.of(SUBJECT, "run_again", amount=amount, again=again)
    elif run.state is RunState.FAILED:
        what = wording.of(SUBJECT, "run_failed", amount=amount, why=_why(run, wording))
    elif run.state is RunState.SKIPPED:
        what = wording.of(SUBJECT, "run_skipped", why=_why(run, wording))
    else:
        what = wording.of(SUBJECT, f"run_{run.state.value}", amount=amount)
    order = run.order_id if run.order_id and run.state in (RunState.DONE, RunState.PAYING) else ""
    return RunShown(wording.clock(run.at, one.zone.key, today=now), what, order)


def _why(run: RunRow, wording: Wording) -> str:
    known = {
        "enough", "nothing_fits", "price_rose", "paused", "ended", "not_answered", "number_changed", "not_yours",
        "card_removed", "operator", "kept", "cap_reached", "too_soon",
    }  # fmt: skip
    if run.reason in known:
        return wording.of(SUBJECT, f"why_{run.reason}")
    declined = run.reason.startswith("declined_")
    return wording.of(SUBJECT, "why_declined" if declined else "why_not_possible")


def _next(one: Schedule, wording: Wording, zone: str, now: datetime) -> str:
    if one.state is not ScheduleState.ACTIVE:
        return ""
    if one.reason in ("cap_reached", "too_soon", "under_way"):
        at = wording.clock(one.next_at, zone, today=now) if one.next_at else ""
        return wording.of(SUBJECT, f"next_{one.reason}", at=at)
    if one.next_at is not None:
        return wording.of(SUBJECT, "next_at", at=wording.clock(one.next_at, zone, today=now))
    return wording.of(SUBJECT, f"next_{one.agreement.trigger.value}")
