"""The bill of a day: the balance transactions Stripe made on it, in UTC. There is no file; this is what its reports are
made of.

What moved is said in the payer's currency, as it was paid; the fee in the currency our balance is kept in.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, TypeVar

import msgspec

from topup.kernel.ids import is_id
from topup.kernel.money import InvalidMoney, Money
from topup.payments.ports import BillLine, BillUnavailable
from topup.plugins.payments.stripe.amounts import from_units
from topup.plugins.payments.stripe.facts import moment, our_payment
from topup.plugins.payments.stripe.finding import INTENTS
from topup.plugins.payments.stripe.objects import BalanceTransaction, Charge, Dispute, Intent, Page, Refund
from topup.plugins.payments.stripe.wire import Wire

_PAGES: Final = 20_000
_PAGE: Final = 100
_PAYMENTS: Final = frozenset({"charge", "payment"})
_REFUNDS: Final = frozenset({"refund", "payment_refund"})
_REFUNDS_FAILED: Final = frozenset({"refund_failure", "payment_failure_refund"})
_DISPUTES: Final = frozenset({"adjustment"})
Source = TypeVar("Source")


async def bill_lines(wire: Wire, day: date) -> AsyncIterator[Sequence[BillLine]]:
    """Every line, a page at a time, newest first. Raises BillUnavailable."""
    begin = datetime.combine(day, time(), UTC)
    span = {"gte": int(begin.timestamp()), "lt": int((begin + timedelta(days=1)).timestamp())}
    query: dict[str, Any] = {"limit": _PAGE, "created": span, "expand": ["data.source"]}
    scribe = _Scribe(wire)
    for _ in range(_PAGES):
        page = await wire.get("/v1/balance_transactions", Page[BalanceTransaction], route="bill", query=query)
        if not isinstance(page, Page):
            raise BillUnavailable(str(page))
        try:
            yield [await scribe.line(entry) for entry in page.data]
        except InvalidMoney as error:
            raise BillUnavailable(f"an amount cannot be read: {error}") from None
        if not page.has_more or not page.data:
            return
        query["starting_after"] = page.data[-1].id
    raise BillUnavailable("the bill does not end")


@dataclass(slots=True)
class _Scribe:
    """Writes lines, and asks whose a payment is where its movement does not say."""

    wire: Wire
    owners: dict[str, str] = field(default_factory=dict)

    async def line(self, entry: BalanceTransaction) -> BillLine:
        """The line of one movement; `other` where it is none of ours, or is about no payment."""
        line = None
        if entry.type in _PAYMENTS:
            line = _payment(entry)
        elif entry.type in _REFUNDS or entry.type in _REFUNDS_FAILED:
            line = await self._refund(entry)
        elif entry.type in _DISPUTES:
            line = await self._dispute(entry)
        return line or _line("other", "", entry.id, from_units_of_either_sign(entry.amount, entry.currency), entry)

    async def _refund(self, entry: BalanceTransaction) -> BillLine | None:
        """Under the refund's number; under the payment's, where it was made by hand or by a cancel. One that failed
        came back to us: a negative amount.
        """
        refund = _source(entry, Refund)
        if refund is None:
            return None
        number = (refund.metadata or {}).get("refund_id", "")
        if not is_id("refund", number):
            number = our_payment(refund.metadata) or await self._owner(refund.payment_intent)
        sign = -1 if entry.type in _REFUNDS_FAILED else 1
        amount = from_units_of_either_sign(sign * refund.amount, refund.currency)
        return _line("refund", number, refund.id, amount, entry) if number else None

    async def _dispute(self, entry: BalanceTransaction) -> BillLine | None:
        """What was taken back; negative where it was given to us again."""
        dispute = _source(entry, Dispute)
        if dispute is None:
            return None
        number = await self._owner(dispute.payment_intent)
        sign = -1 if entry.amount > 0 else 1
        amount = from_units_of_either_sign(sign * dispute.amount, dispute.currency)
        return _line("dispute", number, dispute.id, amount, entry) if number else None

    async def _owner(self, intent: str | None) -> str:
        """Our number of the payment with this intent; empty where it is none of ours. Raises BillUnavailable."""
        if not intent:
            return ""
        if intent not in self.owners:
            answer = await self.wire.get(f"{INTENTS}/{intent}", Intent, route="bill_intent")
            if not isinstance(answer, Intent):
                raise BillUnavailable(str(answer))
            self.owners[intent] = our_payment(answer.metadata) or ""
        return self.owners[intent]


def _payment(entry: BalanceTransaction) -> BillLine | None:
    charge = _source(entry, Charge)
    number = our_payment(charge.metadata) if charge is not None else None
    if charge is None or number is None or not charge.payment_intent:
        return None
    amount = from_units(charge.amount_captured, charge.currency)
    return _line("payment", number, charge.payment_intent, amount, entry)


def _source(entry: BalanceTransaction, kind: type[Source]) -> Source | None:
    """What the movement is about; None where it is something else, or not readable as that."""
    try:
        return msgspec.json.decode(entry.source, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _line(kind: str, our_id: str, reference: str, amount: Money, entry: BalanceTransaction) -> BillLine:
    fee = from_units_of_either_sign(entry.fee, entry.currency)
    return BillLine(kind, our_id, reference, amount, moment(entry.created), fee)


def from_units_of_either_sign(units: int, currency: str) -> Money:
    """As `from_units`, for what may be taken off."""
    money = from_units(abs(units), currency)
    return money if units >= 0 else Money(-money.amount_minor, money.currency)
