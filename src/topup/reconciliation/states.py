"""How a bill and the books may differ, and what is to be done about it."""

from enum import StrEnum


class DifferenceClass(StrEnum):
    """In what a line of a bill and our books differ."""

    MISSING_HERE = "missing_here"
    """The provider has it; our books have nothing of the kind."""
    MISSING_THERE = "missing_there"
    """Our books have it; neither the day's bill nor its neighbours do."""
    AMOUNT = "amount"
    """Both have it, with different amounts."""
    CURRENCY = "currency"
    """Both have it, in different currencies."""
    STATUS = "status"
    """Both know of it; one says that money moved, and the other that it did not (or not yet)."""
    DUPLICATE = "duplicate"
    """The provider has it more than once."""
    FEE = "fee"
    """The provider kept another fee than agreed, or one that cannot be."""
    LEDGER = "ledger"
    """Our own books and our ledger differ: a defect or a hand, and no provider's matter."""


class Remedy(StrEnum):
    """What a person is advised to do; its words are the text `remedy_<value>`."""

    TAKE_IN = "take_in"
    """Find whose money it is, and settle or return it."""
    ASK_PROVIDER = "ask_provider"
    """Ask the provider, with its reference, where the money is."""
    CORRECT_AMOUNT = "correct_amount"
    """Find which amount is right, and give back or claim the rest."""
    ASK_AGAIN = "ask_again"
    """Have the gateway asked for the standing of this one, and settle it by the answer."""
    CLAIM_BACK = "claim_back"
    """Claim back what was moved twice."""
    CHECK_TERMS = "check_terms"
    """Hold the fee against the contract, and claim it or correct the terms in the settings."""
    REFUSE_CHARGE = "refuse_charge"
    """A carrier wants money for what we never asked it for, or gave up: have it say what it delivered to whom."""
    ASK_CARRIER = "ask_carrier"
    """Customers were told that it arrived: ask the carrier whether it did, and make it good where it did not."""
    AUDIT = "audit"
    """Run the audit: nobody else's data can be the cause."""


_REMEDIES = {
    DifferenceClass.MISSING_HERE: Remedy.TAKE_IN,
    DifferenceClass.MISSING_THERE: Remedy.ASK_PROVIDER,
    DifferenceClass.AMOUNT: Remedy.CORRECT_AMOUNT,
    DifferenceClass.CURRENCY: Remedy.CORRECT_AMOUNT,
    DifferenceClass.STATUS: Remedy.ASK_AGAIN,
    DifferenceClass.DUPLICATE: Remedy.CLAIM_BACK,
    DifferenceClass.FEE: Remedy.CHECK_TERMS,
    DifferenceClass.LEDGER: Remedy.AUDIT,
}
_OF_CARRIERS = {
    DifferenceClass.MISSING_HERE: Remedy.REFUSE_CHARGE,
    DifferenceClass.MISSING_THERE: Remedy.ASK_CARRIER,
}
DELIVERED = frozenset({"delivery", "reversal"})
"""The kinds of lines of carriers' bills that we compare."""


def remedy_of(cls: DifferenceClass, kind: str) -> Remedy:
    """What is to be done about a difference in a line of this kind."""
    return (_OF_CARRIERS if kind in DELIVERED else _REMEDIES).get(cls) or _REMEDIES[cls]
