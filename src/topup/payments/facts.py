"""The facts of an event as they are stored, so that a sweep can settle what a dead process took in."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from topup.kernel.ids import PaymentId, RefundId, check_id, is_id, lane_of
from topup.kernel.money import Money
from topup.kernel.outcome import Accepted, Done, Outcome, Reason, Refused
from topup.payments.ports import (
    AgreementFact,
    DisputeFact,
    DisputeStanding,
    Fact,
    PaymentFact,
    PaymentStanding,
    RefundFact,
)

_DISPUTE: Final = "dispute:"
_AGREED: Final = "agreed"
_AGREEMENT_ENDED: Final = "agreement_ended"


class StoredFact(msgspec.Struct, frozen=True, omit_defaults=True):
    """One fact in plain words: `said` is a PaymentStanding, or done / accepted / refused:<reason>, or agreed /
    agreement_ended, or dispute:<standing>, with `paid_at` as the time to respond by and `of` as the gateway's id of the
    payment. An instrument's token is not written: who wants it asks the gateway.
    """

    about: str
    said: str
    reference: str = ""
    amount_minor: int | None = None
    currency: str = ""
    paid_at: datetime | None = None
    reason: str = ""
    of: str = ""


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(list[StoredFact]).decode


def lane_of_fact(fact: Fact) -> int | None:
    """Where the thing lives that a fact is about; None where only the gateway's own id tells, which `disputes.owner`
    looks up. Raises InvalidId for an id that is none of ours.
    """
    match fact:
        case RefundFact():
            return lane_of(check_id("refund", fact.refund_id))
        case AgreementFact():
            return lane_of(check_id("instrument", fact.agreement_id))
        case DisputeFact(payment_id="") if fact.reference:
            return None
        case _:
            return lane_of(check_id("payment", fact.payment_id))


def written(facts: Sequence[Fact]) -> str:
    """Facts as stored JSON."""
    return _encode([_stored(fact) for fact in facts]).decode()


def read(text: str) -> tuple[Fact, ...]:
    """Stored facts; raises ValueError for what was never written by `written`."""
    return tuple(_fact(stored) for stored in _decode(text))


def _stored(fact: Fact) -> StoredFact:
    match fact:
        case PaymentFact():
            return _payment(fact)
        case RefundFact():
            return _refund(fact)
        case AgreementFact(agreement_id, ended):
            return StoredFact(agreement_id, _AGREEMENT_ENDED if ended else _AGREED)
        case DisputeFact(payment_id, dispute, standing, amount, respond_by, reference):
            said = f"{_DISPUTE}{standing.value}"
            money = (amount.amount_minor, amount.currency)
            return StoredFact(payment_id, said, dispute, *money, respond_by, of=reference)


def _payment(fact: PaymentFact) -> StoredFact:
    minor = fact.amount.amount_minor if fact.amount else None
    currency = fact.amount.currency if fact.amount else ""
    standing, reference = fact.standing.value, fact.reference
    return StoredFact(fact.payment_id, standing, reference, minor, currency, fact.paid_at, fact.reason)


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
    if is_id("instrument", stored.about):
        if stored.said not in (_AGREED, _AGREEMENT_ENDED):
            raise ValueError("nothing that is said of an agreement")
        return AgreementFact(stored.about, ended=stored.said == _AGREEMENT_ENDED)
    amount = None if stored.amount_minor is None else Money(stored.amount_minor, stored.currency)
    if stored.said.startswith(_DISPUTE):
        if amount is None:
            raise ValueError("a dispute has an amount")
        standing = DisputeStanding(stored.said.removeprefix(_DISPUTE))
        about = PaymentId(check_id("payment", stored.about) if stored.about or not stored.of else "")
        return DisputeFact(about, stored.reference, standing, amount, stored.paid_at, stored.of)
    about = PaymentId(check_id("payment", stored.about))
    standing_ = PaymentStanding(stored.said)
    return PaymentFact(about, standing_, stored.reference, amount, stored.paid_at, reason=stored.reason)


def _outcome(stored: StoredFact) -> Outcome:
    if stored.said == "done":
        return Done(stored.reference)
    if stored.said == "accepted":
        return Accepted(stored.reference)
    return Refused(Reason(stored.said.removeprefix("refused:")), stored.reference)
