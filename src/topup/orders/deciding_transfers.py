"""What people decide about bank transfers: whose payment one is, that one goes back, and that it was sent.

One person decides up to their limit, two above it (`work.limits`, row `transfer`). What follows for the order is done
by the same code as where the bank's statement told everything.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from topup.kernel.errors import Conflict, NotFound
from topup.kernel.ids import PaymentId, RefundId, is_id, lane_of
from topup.kernel.money import InvalidMoney, Money
from topup.orders.deciding import reference_of
from topup.orders.transfers import Transfers
from topup.payments.queries import Payment, payments, payments_of_orders
from topup.payments.transfers import operations as transfers
from topup.payments.transfers.codes import found_in
from topup.payments.transfers.matching import Verdict
from topup.payments.transfers.operations import METHOD, SEND_BACK, kind_of
from topup.payments.transfers.queries import StoredEntry, entry_of, expected, of_amounts, return_of
from topup.people.permissions import Permission
from topup.platform.database import Connection, Transaction
from topup.work.approvals import Approval, Kind, Wish

MATCH: Final = "transfer_match"
SEND_TO_SENDER: Final = "transfer_return"
SENT: Final = "transfer_sent"
LIMIT: Final = "transfer"
MOST_CANDIDATES: Final = 10
UNMATCHED: Final = frozenset(
    kind_of(verdict)
    for verdict in (
        Verdict.NO_REFERENCE,
        Verdict.AMBIGUOUS,
        Verdict.PARTLY_PAID,
        Verdict.OVERPAID,
        Verdict.OTHER_CURRENCY,
        Verdict.STUCK,
    )
)
"""The items about money that came and belongs to no payment yet."""


class DecidingTransfers:
    """The decisions about bank transfers of this installation."""

    def __init__(self, transfers_: Transfers) -> None:
        self._transfers = transfers_

    def kinds(self) -> list[Kind]:
        """What can be decided so."""
        ask, decide = Permission.RESOLVE_PAYMENT.value, Permission.APPROVE_PAYMENT.value
        returned = UNMATCHED | {kind_of(Verdict.RETURNED)}
        return [
            Kind(MATCH, ask, decide, _matched, _match, UNMATCHED, LIMIT, then=self._tell),
            Kind(SEND_TO_SENDER, ask, decide, _to_sender, _send_to_sender, returned, LIMIT),
            Kind(SENT, ask, decide, _sent, _note_sent, frozenset({SEND_BACK}), LIMIT, then=self._hear),
        ]

    async def _tell(self, approval: Approval) -> None:  # noqa: ARG002 - what follows any of them
        await self._transfers.tell_all()

    async def _hear(self, approval: Approval) -> None:
        if is_id("refund", approval.subject):
            await self._transfers.hear_sent(RefundId(approval.subject), approval.facts["reference"])


async def _matched(connection: Connection, wish: Wish, now: datetime) -> Mapping[str, Any]:  # noqa: ARG001 - a Prepare
    """Raises NotFound `payment_unknown`, `entry_unknown`; Conflict `entry_decided`, `payment_not_by_transfer`."""
    entry = await _open_entry(connection, wish.subject)
    payment = await meant(connection, wish.facts.get("payment", ""))
    return {
        "entry": entry.id,
        "payment": payment.id,
        "order": payment.order_id,
        "amount_minor": entry.amount_minor,
        "currency": entry.currency,
        "wanted_minor": payment.amount_minor,
    }


async def _match(transaction: Transaction, approval: Approval) -> Mapping[str, Any]:
    payment_id = PaymentId(approval.facts["payment"])
    await transfers.decide(
        transaction.connection,
        entry_id=approval.subject,
        payment_id=payment_id,
        by=approval.requested_by,
        now=transaction.now,
    )
    return {"payment": payment_id}


async def _to_sender(connection: Connection, wish: Wish, now: datetime) -> Mapping[str, Any]:  # noqa: ARG001 - a Prepare
    """Raises NotFound `entry_unknown`, Conflict `entry_decided`, `entry_not_incoming`."""
    entry = await _open_entry(connection, wish.subject)
    if not entry.incoming:
        raise Conflict("entry_not_incoming")
    return {"entry": entry.id, "amount_minor": entry.amount_minor, "currency": entry.currency}


async def _send_to_sender(transaction: Transaction, approval: Approval) -> Mapping[str, Any]:
    await transfers.set_aside_to_return(
        transaction.connection, entry_id=approval.subject, by=approval.requested_by, now=transaction.now
    )
    return {"entry": approval.subject}


async def _sent(connection: Connection, wish: Wish, now: datetime) -> Mapping[str, Any]:  # noqa: ARG001 - a Prepare
    """Raises Invalid `evidence_missing`; NotFound `refund_unknown`, `entry_unknown`."""
    reference = reference_of(wish)
    if is_id("refund", wish.subject):
        back = await return_of(connection, RefundId(wish.subject))
        if back is None:
            raise NotFound("refund_unknown")
        return {"reference": reference, "amount_minor": back.amount_minor, "currency": back.currency}
    entry = await _entry(connection, wish.subject)
    return {"reference": reference, "amount_minor": entry.amount_minor, "currency": entry.currency}


async def _note_sent(transaction: Transaction, approval: Approval) -> Mapping[str, Any]:
    """Where an unmatched transfer went back there is no refund of ours: that it was sent is all."""
    if is_id("refund", approval.subject):
        await transfers.sent_back(
            transaction.connection,
            refund_id=RefundId(approval.subject),
            bank_reference=approval.facts["reference"],
            by=approval.requested_by,
            now=transaction.now,
        )
    return {"reference": approval.facts["reference"]}


async def meant(connection: Connection, text: str) -> Payment:
    """The payment by bank transfer that is meant by its id, its order's, or the reference its payer was given.

    Raises NotFound `payment_unknown`, Conflict `payment_not_by_transfer`.
    """
    wanted = text.strip()
    codes = found_in(wanted)
    if is_id("order", wanted):
        found = (await payments_of_orders(connection, [(lane_of(wanted), wanted)])).get(wanted, [])
        return _by_transfer([one for one in found if one.method == METHOD] or found)
    if codes:
        wanted = next((one.payment_id for one in (await expected(connection, codes)).values()), "")
    if not is_id("payment", wanted):
        raise NotFound("payment_unknown")
    one = (await payments(connection, [(lane_of(wanted), wanted)])).get(wanted)
    return _by_transfer([one] if one else [])


async def candidates(connection: Connection, text: str, named: Sequence[str], *, currency: str) -> list[Payment]:
    """The payments that a transfer might be for: those that are meant by a text (an id, a reference, an amount in major
    units), or without one those that are `named`; at most MOST_CANDIDATES.
    """
    ids = list(named)
    if text:
        try:
            return [await meant(connection, text)]
        except (NotFound, Conflict):
            ids = await _of_amount(connection, text, currency)
    ids = [one for one in ids if is_id("payment", one)][:MOST_CANDIDATES]
    found = await payments(connection, [(lane_of(one), one) for one in ids])
    return [found[one] for one in ids if one in found]


async def _of_amount(connection: Connection, text: str, currency: str) -> list[str]:
    try:
        amount = Money.from_major(text.strip(), currency)
    except InvalidMoney:
        return []
    found = await of_amounts(connection, [amount], most=MOST_CANDIDATES)
    return found.get((amount.amount_minor, amount.currency), [])


def _by_transfer(found: list[Payment]) -> Payment:
    if not found:
        raise NotFound("payment_unknown")
    if found[-1].method != METHOD:
        raise Conflict("payment_not_by_transfer", method=found[-1].method)
    return found[-1]


async def _entry(connection: Connection, entry_id: str) -> StoredEntry:
    entry = await entry_of(connection, entry_id) if is_id("entry", entry_id) else None
    if entry is None:
        raise NotFound("entry_unknown")
    return entry


async def _open_entry(connection: Connection, entry_id: str) -> StoredEntry:
    entry = await _entry(connection, entry_id)
    if entry.state != "open":
        raise Conflict("entry_decided", payment=entry.payment_id or "")
    return entry
