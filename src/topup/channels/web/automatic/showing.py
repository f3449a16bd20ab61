"""A top-up that runs by itself, in its owner's words: what was agreed to, when it runs next, how the last one went."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from topup.channels.web.wording import Wording
from topup.kernel.money import Money
from topup.orders.schedules import wording as words
from topup.orders.schedules.desk import ScheduleView
from topup.orders.schedules.states import ScheduleState
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
    cap_typed: str
    symbol: str
    times_in: str
    """By whose clocks its times are told."""
    is_unseen: bool
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
    one, locale = view.schedule, wording.locale

    def moment(at: datetime) -> str:
        return wording.clock_to_minutes(at, one.zone.key, today=now)

    runs = [
        RunShown(moment(run.at), words.run_words(run, one.currency, locale=locale, moment=moment), words.order_of(run))
        for run in view.runs
    ]
    cap = Money(one.agreement.cap_minor, one.currency)
    return Shown(
        id=one.id,
        number=one.msisdn.grouped(),
        carrier=wording.name(view.carrier_names) if view.carrier_names else "",
        what=words.agreed_words(one.agreement, one.currency, locale=locale),
        cap=wording.money(cap),
        cap_typed=cap.to_major(),
        symbol=wording.symbol(one.currency),
        times_in=wording.text("times_in", place=wording.place(one.zone.key)),
        is_unseen=one.state is ScheduleState.ACTIVE and one.is_unseen,
        interval_days=one.agreement.interval_days,
        card=view.card or wording.of(SUBJECT, "card_gone"),
        card_id=one.instrument_id,
        currency=one.currency,
        state=one.state.value,
        state_text=words.state_words(one.state, locale=locale),
        tone=_TONES[one.state],
        next=words.next_words(one, locale=locale, moment=moment),
        last=runs[0] if runs else None,
        runs=runs,
        active=one.state is ScheduleState.ACTIVE,
        why=words.stopped_words(one, locale=locale),
    )


def terms_shown(terms: Terms | None, wording: Wording) -> str:
    """What a wallet's owner agreed to there; empty for a card."""
    if terms is None:
        return ""
    return wording.of(SUBJECT, "wallet_terms", most=wording.money(terms.most), days=terms.every_days)
