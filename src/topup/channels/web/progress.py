"""Where is my money? The steps of an order as a person counts them: ordered, paid, being credited, credited."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from topup.orders.states import BESIDE, Cause
from topup.orders.views import OrderView, TimelineEntry

Standing = Literal["done", "now", "doubt", "ahead", "stopped"]

_ORDERED: Final = ("awaiting_payment", "quoted")


@dataclass(frozen=True, slots=True)
class Step:
    """One step: `name` is a message id of the catalogue `web`, `cause` one of `orders` or None."""

    name: str
    standing: Standing
    at: datetime | None = None
    cause: str | None = None


def steps(order: OrderView) -> list[Step]:
    """The steps that were made, the one that is being made, and those to come."""
    entries = {entry.state: entry for entry in order.timeline if entry.cause not in BESIDE}
    ordered = _done("step_ordered", _first(order, _ORDERED))
    status = order.status
    if status in {"awaiting_payment", "quoted"}:
        return [ordered, Step("step_paid_ahead", "now"), *_ahead("step_crediting", "step_credited_ahead")]
    if status in {"expired", "cancelled"}:
        return [ordered, _stopped(f"step_{status}", entries.get(status))]
    paid = _done("step_paid", _first(order, ("paid",)))
    after = _after_payment(status, entries)
    return [ordered, paid, *after, *(_given_back(order) if status == "delivered" else [])]


def _after_payment(status: str, entries: Mapping[str, TimelineEntry]) -> list[Step]:
    delivering = entries.get("delivering") or entries.get("paid")
    if status == "delivered":
        return [_done("step_crediting", delivering), _done("step_credited", entries.get("delivered"))]
    if status in {"refunding", "refunded"}:
        return _refund(status, entries)
    if status in {"unresolved", "needs_person"}:
        entry = entries.get(status)
        asking = Step(f"step_{status}", "doubt", entry.at if entry else None, entry.cause if entry else None)
        return [_done("step_crediting", delivering), asking, *_ahead("step_credited_ahead")]
    return [Step("step_crediting", "now", delivering.at if delivering else None), *_ahead("step_credited_ahead")]


def _refund(status: str, entries: Mapping[str, TimelineEntry]) -> list[Step]:
    """A refund, and what came before it: perhaps it was being credited, perhaps it even was."""
    tried = [_done("step_crediting", entries["delivering"])] if "delivering" in entries else []
    credited = [_done("step_credited", entries["delivered"])] if "delivered" in entries else []
    began = entries.get("refunding")
    cause = began.cause if began else None
    at = began.at if began else None
    if status == "refunded":
        # The refund may have been seen to by a person, without a step of its own.
        begun = [Step("step_refunding", "done", at, cause)] if began else []
        return [*tried, *credited, *begun, _done("step_refunded", entries.get("refunded"))]
    return [*tried, *credited, Step("step_refunding", "now", at, cause), *_ahead("step_refunded_ahead")]


def _given_back(order: OrderView) -> list[Step]:
    """What staff give back of a top-up that arrived, all of it as one: since when, and when the last was back."""
    given = [money for payment in order.payments for money in payment.given_back]
    if not given:
        return []
    began = min((money.came for money in given if money.came), default=None)
    under_way = {money.standing for money in given} - {"went_back"}
    cause = Cause.GIVEN_BACK.value
    if under_way:
        standing: Standing = "doubt" if "with_person" in under_way else "now"
        return [Step("step_refunding", standing, began, cause), *_ahead("step_refunded_ahead")]
    back = max((money.at for money in given if money.at), default=None)
    return [Step("step_refunding", "done", began, cause), Step("step_refunded", "done", back)]


def _first(order: OrderView, states: tuple[str, ...]) -> TimelineEntry | None:
    return next((entry for state in states for entry in order.timeline if entry.state == state), None)


def _done(name: str, entry: TimelineEntry | None) -> Step:
    return Step(name, "done", entry.at if entry else None)


def _stopped(name: str, entry: TimelineEntry | None) -> Step:
    return Step(name, "stopped", entry.at if entry else None)


def _ahead(*names: str) -> list[Step]:
    return [Step(name, "ahead") for name in names]
