"""One order in words: its price and why, what it gives and until when and why, what happened, and under which names."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from topup.channels.console.wording import Wording
from topup.fulfilment.queries import Attempt
from topup.orders import wording as said
from topup.orders.dossier import Attempted, Dossier, EventSeen
from topup.orders.views import OrderView
from topup.platform.i18n import translate

TONES: Final = {
    "delivered": "good",
    "paid": "good",
    "refunded": "back",
    "expired": "over",
    "cancelled": "over",
    "closed": "over",
    "declined": "alarm",
    "refused": "alarm",
    "reversed": "alarm",
    "unresolved": "alarm",
    "unknown": "alarm",
    "needs_person": "alarm",
}
"""How a state looks at a glance; what is not named is under way."""


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happened: when, what, why, and the id it goes by."""

    at: datetime
    when: str
    what: str
    why: str
    code: str
    tone: str


@dataclass(frozen=True, slots=True)
class Credit:
    """What the line gets, until when, and why so long."""

    what: str
    until: str
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Money:
    """Money that came or went: how much, what became of it, under which reference, when."""

    amount: str
    what: str
    code: str
    when: str


@dataclass(frozen=True, slots=True)
class Paying:
    """An attempt to pay."""

    id: str
    method: str
    state: str
    tone: str
    amount: str
    when: str
    reason: str
    came: tuple[Money, ...]
    back: tuple[Money, ...]


@dataclass(frozen=True, slots=True)
class Delivering:
    """An attempt to deliver through another carrier."""

    id: str
    carrier: str
    state: str
    tone: str
    reference: str
    code: str
    when: str


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a gateway: whether it had its effect, and when."""

    id: str
    source: str
    when: str
    settled: str


@dataclass(frozen=True, slots=True)
class ToDecide:
    """Something on the work list that is about this order."""

    id: str
    kind: str
    state: str
    when: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """All of it."""

    id: str
    number: str
    carrier: str
    state: str
    tone: str
    next: str
    channel: str
    ordered: str
    receipt: str
    total: str
    exchange: str
    price: tuple[tuple[str, str], ...]
    credits: tuple[Credit, ...]
    gifts: tuple[tuple[str, str], ...]
    """What comes of a shop's stock with it, and what became of that."""
    steps: tuple[Step, ...]
    payments: tuple[Paying, ...]
    deliveries: tuple[Delivering, ...]
    events: tuple[Event, ...]
    items: tuple[ToDecide, ...]
    can_be_asked: bool


def sheet_of(known: Dossier, wording: Wording) -> Sheet:
    """A dossier in the reader's language."""
    view, locale = known.view, wording.locale
    return Sheet(
        id=view.id,
        number=view.msisdn.grouped(),
        carrier=said.name_in(view.carrier_names, locale=locale),
        state=wording.value(view.status),
        tone=TONES.get(view.status, ""),
        next=translate(locale, "orders", f"next.{view.next_step}"),
        channel=wording.channel(known.channel),
        ordered=wording.moment(view.created_at),
        receipt=view.receipt_number or "",
        total=wording.money(view.paid.amount_minor, view.paid.currency),
        exchange=said.exchange_words(view.exchange, locale=locale) if view.exchange else "",
        price=tuple(
            (
                said.line_words(line.type, line.label, line.parameters, locale=locale),
                wording.money(line.amount.amount_minor, line.amount.currency),
            )
            for line in view.lines
        ),
        credits=tuple(_credits(view, wording)),
        gifts=tuple(
            (
                said.gift_words(one.names, one.quantity, locale=locale),
                f"{said.gift_state_words(one.state, locale=locale, is_sent=one.is_sent)} · {one.place}",
            )
            for one in known.gifts
        ),
        steps=tuple(sorted(_steps(known, wording), key=_at)),
        payments=tuple(_paying(one, wording) for one in known.attempts),
        deliveries=tuple(_delivering(one, wording) for one in known.deliveries),
        events=tuple(_event(one, wording) for one in known.events),
        items=tuple(
            ToDecide(one.id, wording.kind(one.kind), wording.state(one.state), wording.moment(one.created_at))
            for one in known.items
        ),
        can_be_asked=known.can_be_asked,
    )


def _credits(view: OrderView, wording: Wording) -> list[Credit]:
    if view.comes_to_nothing:
        return []
    found = []
    for grant in view.grants:
        why = [said.why_words(grant.rule, locale=wording.locale)] if grant.usable_until else []
        found.append(
            Credit(
                said.amount_words(grant.asset, grant.amount, locale=wording.locale),
                said.end_words(grant, zone=view.zone, locale=wording.locale),
                (*why, *said.policy_words(grant, locale=wording.locale)),
            )
        )
    if view.points is not None and view.points.earned and view.status != "refunded":
        whose = translate(wording.locale, "orders", "points_of_payer")
        found.append(Credit(said.points_words(view.points.earned, locale=wording.locale), whose, ()))
    return found


def _at(step: Step) -> datetime:
    return step.at


def _steps(known: Dossier, wording: Wording) -> list[Step]:
    """The order's own steps, and between them what began outside."""
    locale = wording.locale
    steps = [
        Step(
            entry.at,
            wording.moment(entry.at),
            translate(locale, "orders", f"state.{entry.state}"),
            translate(locale, "orders", f"cause.{entry.cause}"),
            "",
            TONES.get(entry.state, ""),
        )
        for entry in known.view.timeline
    ]
    for one in known.attempts:
        begun, method = one.payment.created_at, wording.method(one.payment.method)
        what = wording.text("step_payment", method=method)
        steps.append(Step(begun, wording.moment(begun), what, "", one.payment.id, "beside"))
    for event in known.events:
        what = wording.text("step_event", source=wording.method(event.source))
        steps.append(Step(event.received_at, wording.moment(event.received_at), what, "", event.id, "beside"))
    for sent in known.deliveries:
        at = sent.submitted_at or sent.created_at
        what = wording.text("step_delivery", carrier=sent.carrier)
        steps.append(Step(at, wording.moment(at), what, "", sent.id, "beside"))
    return steps


def _paying(one: Attempted, wording: Wording) -> Paying:
    payment = one.payment
    return Paying(
        id=payment.id,
        method=wording.method(payment.method),
        state=wording.value(payment.state.value),
        tone=TONES.get(payment.state.value, ""),
        amount=wording.money(payment.amount_minor, payment.currency),
        when=wording.moment(payment.created_at),
        reason=payment.reason,
        came=tuple(
            Money(
                wording.money(came.amount_minor, came.currency),
                wording.text(f"capture.{came.disposition.value}"),
                came.reference,
                wording.moment(came.paid_at),
            )
            for came in one.captures
        ),
        back=tuple(
            Money(
                wording.money(back.amount_minor, back.currency),
                wording.text(f"refund.{back.state.value}"),
                back.id,
                wording.moment(back.state_since),
            )
            for back in one.refunds
        ),
    )


def _delivering(one: Attempt, wording: Wording) -> Delivering:
    return Delivering(
        id=one.id,
        carrier=one.carrier,
        state=wording.text(f"delivery.{one.state.value}"),
        tone=TONES.get(one.state.value, ""),
        reference=one.reference or "",
        code=one.code or "",
        when=wording.moment(one.submitted_at or one.created_at),
    )


def _event(one: EventSeen, wording: Wording) -> Event:
    settled = wording.moment(one.settled_at) if one.settled_at else ""
    return Event(one.id, wording.method(one.source), wording.moment(one.received_at), settled)
