"""The facts of an event as they are stored, so that a sweep can settle what a dead process took in."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from topup.kernel.ids import PaymentId, RefundId, check_id, is_id
from topup.kernel.money import Money
from topup.kernel.outcome import Accepted, Done, Outcome, Reason, Refused
from topup.payments.ports import Fact, PaymentFact, PaymentStanding, RefundFact


class StoredFact(msgspec.Struct, frozen=True, omit_defaults=True):
    """One fact in plain words: `said` is a PaymentStanding, or done / accepted / refused:<reason>."""

    about: str
    said: str
    reference: str = ""
    amount_minor: int | None = None
    currency: str = ""
    paid_at: datetime | None = None


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(list[StoredFact]).decode


def written(facts: Sequence[Fact]) -> str:
    """Facts as stored JSON."""
    return _encode([_payment(fact) if isinstance(fact, PaymentFact) else _refund(fact) for fact in facts]).decode()


def read(text: str) -> tuple[Fact, ...]:
    """Stored facts; raises ValueError for what was never written by `written`."""
    return tuple(_fact(stored) for stored in _decode(text))


def _payment(fact: PaymentFact) -> StoredFact:
    minor = fact.amount.amount_minor if fact.amount else None
    currency = fact.amount.currency if fact.amount else ""
    return StoredFact(fact.payment_id, fact.standing.value, fact.reference, minor, currency, fact.paid_at)


def _refund(fact: RefundFact) -> StoredFact:
    match fact.outcome:
        case Done(reference):
            return StoredFact(fact.refund_id, "done", reference)
        case Accepted(reference):
            return StoredFact(fact.refund_id, "accepted", reference)
        case Refused(reason, code):
            return StoredFact(fact.refund_id, f"refused:{reason.value}", code)
        case _:
            raise ValueError("an event says what happened, not that it is unknown")


def _fact(stored: StoredFact) -> Fact:
    if is_id("refund", stored.about):
        return RefundFact(RefundId(stored.about), _outcome(stored))
    about = PaymentId(check_id("payment", stored.about))
    amount = None if stored.amount_minor is None else Money(stored.amount_minor, stored.currency)
    return PaymentFact(about, PaymentStanding(stored.said), stored.reference, amount, stored.paid_at)


def _outcome(stored: StoredFact) -> Outcome:
    if stored.said == "done":
        return Done(stored.reference)
    if stored.said == "accepted":
        return Accepted(stored.reference)
    return Refused(Reason(stored.said.removeprefix("refused:")), stored.reference)
