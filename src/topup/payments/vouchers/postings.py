"""What vouchers are in the ledger. What we owe to whoever holds one stands in `vouchers`, from activation on.

Each lane keeps what is owed for the vouchers of its own lane; a sum over lanes is what is owed in all.
"""

from typing import Final

from topup.ledger import Transfer
from topup.payments.postings import clearing, moved

METHOD: Final = "voucher"
OWED: Final = "vouchers"
"""The faces of all vouchers that would pay."""
SOLD: Final = "receivable:vouchers"
"""What whoever sells the printed ones owes us for them."""
BLOCKED: Final = "vouchers_blocked"
"""The faces of those that were blocked after they had been sold: somebody may have a claim."""
EXPIRED: Final = "expired"


def activated(batch_id: str, lane: int, currency: str, amount: int) -> Transfer:
    """The vouchers of a batch in one lane are worth money now."""
    return moved(
        (SOLD, OWED),
        lane=lane,
        key=f"{batch_id}:activated",
        currency=currency,
        amount=amount,
        purpose="voucher_activation",
        reference=batch_id,
    )


def activated_one(serial: str, lane: int, currency: str, amount: int, batch_id: str) -> Transfer:
    """One voucher is worth money now: it was handed over."""
    return moved(
        (SOLD, OWED),
        lane=lane,
        key=f"voucher:{serial}:activated",
        currency=currency,
        amount=amount,
        purpose="voucher_activation",
        reference=batch_id,
    )


def ended(batch_id: str, lane: int, currency: str, amount: int, *, expired: bool) -> Transfer:
    """Those of a batch in one lane that nobody had used are worth nothing any more."""
    return moved(
        (OWED, EXPIRED if expired else BLOCKED),
        lane=lane,
        key=f"{batch_id}:{'expired' if expired else 'blocked'}",
        currency=currency,
        amount=amount,
        purpose="voucher_expiry" if expired else "voucher_block",
        reference=batch_id,
    )


def blocked(serial: str, lane: int, currency: str, amount: int, batch_id: str) -> Transfer:
    """One that had been sold will pay nothing."""
    return moved(
        (OWED, BLOCKED),
        lane=lane,
        key=f"voucher:{serial}:blocked",
        currency=currency,
        amount=amount,
        purpose="voucher_block",
        reference=batch_id,
    )


def redeemed(serial: str, lane: int, currency: str, amount: int, payment_id: str) -> Transfer:
    """A voucher paid: what was owed to its holder is owed to the payment's capture, `clearing:voucher`."""
    return moved(
        (OWED, clearing(METHOD)),
        lane=lane,
        key=f"voucher:{serial}:redeemed",
        currency=currency,
        amount=amount,
        purpose="voucher_redemption",
        reference=payment_id,
    )


def slip_given(serial: str, lane: int, currency: str, amount: int, *, given_for: str, from_code: str) -> Transfer:
    """Money goes back as a voucher: we owe it to whoever holds that. `from_code` is where it was."""
    return moved(
        (from_code, OWED),
        lane=lane,
        key=f"voucher:{serial}:given",
        currency=currency,
        amount=amount,
        purpose="credit_slip",
        reference=given_for,
    )
