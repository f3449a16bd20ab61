"""Money that staff give back for a top-up that was delivered: one asks, another decides, the payer's source gets it.

The credit stays with the line: what is given back is our cost, of the account GOODWILL; points that came of the order
are taken back by as much. Whoever wants the credit back as well asks for an adjustment. Never more goes back than came,
refunds of unknown outcome included (G16); and it goes back in the currency that was paid. A part of a price that was
paid in another currency is that part of what was paid, rounded down to what the gateway takes, a minor unit mostly.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from topup.kernel.errors import Conflict, Invalid, NotFound
from topup.kernel.exchange import share
from topup.kernel.ids import is_id, lane_of
from topup.kernel.money import InvalidMoney, Money, is_currency
from topup.ledger import Transfer
from topup.orders import operations, queries
from topup.orders.completion import post_all
from topup.orders.postings import GOODWILL
from topup.orders.quotes import decoded
from topup.orders.states import OrderState
from topup.payments import disputes
from topup.payments import operations as payments
from topup.payments import queries as paid
from topup.payments.operations import OverRefund
from topup.payments.postings import SUSPENSE
from topup.payments.queries import Capture, Payment
from topup.payments.states import Disposition
from topup.people.permissions import Permission
from topup.platform.database import Connection, Transaction
from topup.work.approvals import Approval, Kind, Wish

REFUND: Final = "refund"


def kind() -> Kind:
    """What can be asked for: the subject is the payment that an order kept."""
    ask, decide = Permission.REQUEST_REFUND.value, Permission.APPROVE_REFUND.value
    return Kind(REFUND, ask, decide, _prepare, _execute, limit=REFUND)


async def kept_payment(connection: Connection, text: str) -> str:
    """The payment that is meant by its own id or its order's; raises NotFound `payment_unknown`."""
    wanted = text.strip()
    if is_id("order", wanted):
        order = (await queries.orders(connection, [(lane_of(wanted), wanted)])).get(wanted)
        wanted = str(order.kept_payment_id or "") if order else ""
    if not is_id("payment", wanted):
        raise NotFound("payment_unknown")
    return wanted


async def _prepare(connection: Connection, wish: Wish, now: datetime) -> Mapping[str, Any]:  # noqa: ARG001 - a Prepare
    """Raises NotFound `payment_unknown`, Conflict `refund_not_of_delivered`, `refund_too_much`, `payment_disputed`,
    Invalid `amount_unreadable`.
    """
    payment, capture = await _kept(connection, wish.subject, lock=False)
    left = capture.amount_minor - capture.refunded_minor
    price, step_minor = await _price(connection, payment)
    amount = _amount(wish.facts.get("amount", ""), Money(left, capture.currency), payment, price, step_minor)
    if not 0 < amount.amount_minor <= left:
        raise Conflict("refund_too_much", left=Money(left, capture.currency).to_major(), currency=capture.currency)
    await _not_by_the_bank(connection, capture, amount.amount_minor)
    return {
        "order": payment.order_id,
        "method": payment.method,
        "reference": capture.reference,
        "amount_minor": amount.amount_minor,
        "currency": amount.currency,
    }


async def _execute(transaction: Transaction, approval: Approval) -> Mapping[str, Any]:
    """Raises as `_prepare`: what was given back meanwhile counts."""
    connection, now = transaction.connection, transaction.now
    payment, capture = await _kept(connection, approval.subject, lock=True)
    amount_minor = int(approval.facts["amount_minor"])
    left = capture.amount_minor - capture.refunded_minor
    await _not_by_the_bank(connection, capture, amount_minor)
    try:
        [refund] = await payments.request_refunds(connection, [(capture, amount_minor, GOODWILL)], now)
    except OverRefund:
        major = Money(left, capture.currency).to_major()
        raise Conflict("refund_too_much", left=major, currency=capture.currency) from None
    # Points go by as much; a gift that came with it is not the customer's any more once all of the money is back.
    await operations.follow_money(connection, [(payment.lane, str(payment.order_id))])
    given = Transfer(
        lane=payment.lane,
        key=f"{refund.id}:{GOODWILL}",
        debit_code=GOODWILL,
        credit_code=SUSPENSE,
        asset=refund.currency,
        amount=refund.amount_minor,
        purpose=GOODWILL,
        reference=payment.order_id,
    )
    await post_all(connection, [given], now)
    return {"order": payment.order_id, "refund": refund.id}


async def _kept(connection: Connection, payment_id: str, *, lock: bool) -> tuple[Payment, Capture]:
    """The payment of a delivered order and its money, with `lock` under the order's lock."""
    if not is_id("payment", payment_id):
        raise NotFound("payment_unknown")
    place = (lane_of(payment_id), payment_id)
    payment = (await paid.payments(connection, [place])).get(payment_id)
    if payment is None:
        raise NotFound("payment_unknown")
    look = queries.locked if lock else queries.orders
    order = (await look(connection, [(payment.lane, str(payment.order_id))]))[payment.order_id]
    captures = (await paid.captures(connection, [place])).get(payment_id, [])
    kept = next((one for one in captures if one.disposition is Disposition.KEPT), None)
    if kept is None or order.state is not OrderState.DELIVERED:
        raise Conflict("refund_not_of_delivered")
    return payment, kept


async def _not_by_the_bank(connection: Connection, capture: Capture, amount_minor: int) -> None:
    """Nothing is given back twice: raises Conflict `payment_disputed` where the payer's bank took so much of it, or
    may take it.
    """
    known = await disputes.of_payments(connection, [(capture.lane, str(capture.payment_id))])
    taken_minor = disputes.taken_minor(capture, known)
    if taken_minor and capture.refunded_minor + taken_minor + amount_minor > capture.amount_minor:
        raise Conflict("payment_disputed")


async def _price(connection: Connection, payment: Payment) -> tuple[Money, int]:
    """The whole price, in its own currency; and the minor units that what was paid is a multiple of."""
    order = (await queries.orders(connection, [(payment.lane, str(payment.order_id))]))[payment.order_id]
    quote = decoded((await queries.quotes(connection, [(order.lane, order.quote_id)]))[order.quote_id].body)
    exchange = quote.exchange(payment.method, payment.currency)
    return Money(quote.total_minor(payment.method), quote.currency), exchange.step.amount_minor if exchange else 1


def _amount(text: str, left: Money, payment: Payment, price: Money, step_minor: int) -> Money:
    """What goes back; empty is all that is left. In the currency that was paid, where no other is named (`10 CNY`)."""
    words = text.upper().split()
    if not words:
        return left
    currencies = [word for word in words if is_currency(word)] or [left.currency]
    figures = [word for word in words if not is_currency(word)]
    if len(currencies) != 1 or len(figures) != 1 or currencies[0] not in {left.currency, price.currency}:
        raise Invalid("amount_unreadable")
    try:
        amount = Money.from_major(figures[0], currencies[0])
        if amount.currency != left.currency:
            whole = Money(payment.amount_minor, payment.currency)
            amount = share(paid=whole, price=price, part=amount, step_minor=step_minor)
    except InvalidMoney:
        raise Invalid("amount_unreadable") from None
    if amount.amount_minor <= 0 or amount.amount_minor % step_minor:
        raise Invalid("amount_unreadable")
    return amount
