"""What is known when somebody asks for help: facts with few values each, so that a tree of decisions can name them all.

Facts come from our own books; answers from the person. Where nothing is known a fact says so (`unknown`), and the tree
asks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from topup.catalogue.life_cycle_rules import Shows
from topup.lines.cards.queries import CardUse
from topup.lines.cards.states import REPLACING, CardState
from topup.orders.states import BESIDE, Cause
from topup.orders.views import OrderView

UNKNOWN: Final = "unknown"
NONE: Final = "none"

USUALLY_CREDITED: Final = timedelta(minutes=10)
"""After that a top-up is late."""
USUALLY_HEARD: Final = timedelta(minutes=30)
"""After that a payment that a payer sees and we do not is worth a person's time."""
CARRIER_ASKED: Final = timedelta(hours=24)
"""After that a carrier's silence is looked into by a person too (orders give up by the carrier's own horizon)."""
BANK_TAKES: Final = timedelta(days=7)
"""The slowest banks; after that a refund is looked into."""
LATELY_REPLACED: Final = timedelta(days=7)
"""So long somebody may still have the old SIM card in the phone."""
CARRIER_SHOWS: Final = timedelta(hours=1)
"""How long another carrier may take to show what it confirmed."""

FACTS: Final[Mapping[str, tuple[str, ...]]] = {
    "order": (
        NONE,
        "unpaid",
        "payment_open",
        "payment_declined",
        "payment_mismatched",
        "crediting",
        "late",
        "unresolved",
        "unresolved_long",
        "with_person",
        "refunding",
        "refund_slow",
        "refunded",
        "refunded_long",
        "ended_unpaid",
        "delivered",
    ),
    "payment_begun": (NONE, "lately", "long_ago"),
    "network": (UNKNOWN, "own", "other_fresh", "other"),
    "line": (UNKNOWN, "working", "low", "expiring", "one_way_blocked", "two_way_blocked", "gone", "barred"),
    "card": (UNKNOWN, "working", "blocked", "replaced_lately"),
    "data": (UNKNOWN, "left", "used_up"),
    "outage": (UNKNOWN, NONE, "now"),
}
"""Each fact, and every value it can have."""

_LINES: Final[Mapping[str, str]] = {
    "active": "working",
    "low": "low",
    "expiring": "expiring",
    "one_way_blocked": "one_way_blocked",
    "two_way_blocked": "two_way_blocked",
    "reserved": "gone",
    "recycled": "gone",
    "barred": "barred",
}
_BY_NEXT_STEP: Final[Mapping[str, str]] = {
    "payment_declined": "payment_declined",
    "payment_pending": "payment_open",
    "payment_mismatched": "payment_mismatched",
}


@dataclass(frozen=True, slots=True)
class Situation:
    """The facts, each one of FACTS with one of its values; those that are not named are unknown, or there is none."""

    values: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, value in self.values.items():
            if value not in FACTS[name]:
                raise ValueError(f"{name} is never {value}")

    def value(self, name: str) -> str:
        """What a fact says."""
        return self.values.get(name, FACTS[name][0])


def order_value(order: OrderView | None, now: datetime) -> str:
    """How an order stands, as far as it matters to somebody who waits for it."""
    if order is None:
        return NONE
    since = _since(order)
    match order.status:
        case "quoted" | "awaiting_payment":
            return _BY_NEXT_STEP.get(order.next_step, "unpaid")
        case "expired" | "cancelled":
            return "payment_mismatched" if order.next_step == "payment_mismatched" else "ended_unpaid"
        case "paid" | "delivering":
            return "late" if now - paid_at(order) > USUALLY_CREDITED else "crediting"
        case "unresolved":
            return "unresolved_long" if now - since > CARRIER_ASKED else "unresolved"
        case "needs_person":
            return "with_person"
        case "refunding":
            return "refund_slow" if now - since > BANK_TAKES else "refunding"
        case "refunded":
            return "refunded_long" if now - since > BANK_TAKES else "refunded"
    return "delivered"


def _since(order: OrderView) -> datetime:
    """When the order came to its state: what happened beside its life does not count."""
    return next((entry.at for entry in reversed(order.timeline) if entry.cause not in BESIDE), order.created_at)


def paid_at(order: OrderView) -> datetime:
    """When the payment that is kept was noted; before that, when it was ordered."""
    return next((entry.at for entry in order.timeline if entry.state == "paid"), order.created_at)


def payment_value(order: OrderView | None, now: datetime) -> str:
    """When the payer last began to pay."""
    if order is None or not order.payments:
        return NONE
    return "lately" if now - order.payments[-1].created_at <= USUALLY_HEARD else "long_ago"


def network_value(order: OrderView | None, now: datetime) -> str:
    """Whose network an order was credited in: our own, or another's, just now or some time ago."""
    if order is None or order.status != "delivered":
        return UNKNOWN
    if all(entry.cause != Cause.SENT_TO_CARRIER for entry in order.timeline):
        return "own"
    return "other_fresh" if now - _since(order) <= CARRIER_SHOWS else "other"


def line_value(status: Shows | str | None) -> str:
    """How a line stands, for whoever may know it; None: nobody here may."""
    return _LINES[status] if status else UNKNOWN


def card_value(uses: Sequence[CardUse], now: datetime) -> str:
    """How the SIM card of a line stands, by the cards it has and had, the newest first."""
    if not uses or uses[0].until is not None:
        return UNKNOWN
    if uses[0].card.state is CardState.BLOCKED:
        return "blocked"
    replaced = uses[0].reason in REPLACING and now - uses[0].since < LATELY_REPLACED
    return "replaced_lately" if replaced else "working"
