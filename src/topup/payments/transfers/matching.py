"""Which payment an entry of a statement belongs to: exactly one, with the very amount, or none.

No mercy for almosts: whatever is not certain is a person's to decide, with what speaks for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from topup.kernel.ids import PaymentId
from topup.kernel.money import Money
from topup.payments.transfers.entries import Entry


class Verdict(StrEnum):
    """What was found of an entry."""

    MATCHED = "matched"
    NO_REFERENCE = "no_reference"
    """No reference of ours is in it, or none that was ever given out."""
    AMBIGUOUS = "ambiguous"
    """References of several payments are in it."""
    PARTLY_PAID = "partly_paid"
    OVERPAID = "overpaid"
    OTHER_CURRENCY = "other_currency"
    RETURNED = "returned"
    """The bank says that it is a transfer that came back, or was taken back."""
    OUTGOING = "outgoing"
    """It left the account: no payment, and nobody's to decide."""
    STUCK = "stuck"
    """It was matched, and its order could not be settled by it."""
    BY_PERSON = "by_person"
    """A person said which payment it belongs to."""
    TO_SENDER = "to_sender"
    """People decided that it goes back to whoever sent it."""


@dataclass(frozen=True, slots=True)
class Expected:
    """A payment by bank transfer: what its payer was told to send, with which reference."""

    payment_id: PaymentId
    code: str
    amount: Money


@dataclass(frozen=True, slots=True)
class Match:
    """What an entry is; `payment_id` where it is certain, `candidates` where a person decides."""

    verdict: Verdict
    payment_id: PaymentId | None = None
    candidates: tuple[PaymentId, ...] = ()


def match(entry: Entry, referred: Sequence[Expected]) -> Match:
    """What an entry is, in view of the payments whose references are in it."""
    candidates = tuple(dict.fromkeys(expected.payment_id for expected in referred))
    if entry.returned:
        return Match(Verdict.RETURNED, candidates=candidates)
    if not entry.incoming:
        return Match(Verdict.OUTGOING)
    if not candidates:
        return Match(Verdict.NO_REFERENCE)
    if len(candidates) > 1:
        return Match(Verdict.AMBIGUOUS, candidates=candidates)
    wanted = referred[0].amount
    if entry.amount.currency != wanted.currency:
        return Match(Verdict.OTHER_CURRENCY, candidates=candidates)
    if entry.amount == wanted:
        return Match(Verdict.MATCHED, payment_id=candidates[0])
    return Match(Verdict.PARTLY_PAID if entry.amount < wanted else Verdict.OVERPAID, candidates=candidates)
