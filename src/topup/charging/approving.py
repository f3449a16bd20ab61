"""Adjustments that are too large for one person: one asks, another decides, and then it is made."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from topup.charging.adjustments import Adjustments, AdjustmentWish, check_wish, parse_signed
from topup.kernel.errors import Invalid, NotFound
from topup.kernel.ids import AdjustmentId, InvalidId, LineId, check_id, lane_of, new_id
from topup.kernel.money import InvalidMoney, Money
from topup.kernel.msisdn import Msisdn, parse_msisdn
from topup.lines.queries import LineRef, number_of
from topup.people.permissions import Permission
from topup.platform.database import Connection, Transaction
from topup.work.approvals import Approval, Kind, Wish

ADJUSTMENT: Final = "adjustment"


def asking_for(wish: AdjustmentWish, line: LineRef) -> Wish:
    """The request for an adjustment that is above what one may do alone. Its note, or the reason's code where there is
    none, is what the other reads.
    """
    sign = "+" if wish.amount.amount_minor > 0 else "-"
    amount = f"{sign}{Money(abs(wish.amount.amount_minor), wish.amount.currency).to_major()}"
    return Wish(ADJUSTMENT, line.id, {"amount": amount, "why": wish.reason}, wish.note.strip() or wish.reason)


class Approving:
    """The adjustments of this installation that need two people."""

    def __init__(self, adjustments: Adjustments) -> None:
        self._adjustments = adjustments

    def kinds(self) -> list[Kind]:
        """What can be asked for; the subject is a line's id, the reason becomes the adjustment's note."""
        request, approve = Permission.ADJUST_CREDIT.value, Permission.APPROVE_ADJUSTMENT.value
        return [Kind(ADJUSTMENT, request, approve, self._prepare, self._execute)]

    async def _prepare(self, connection: Connection, wish: Wish, now: datetime) -> Mapping[str, Any]:  # noqa: ARG002 - a Prepare
        """Raises NotFound `line_unknown`, Invalid `signed_amount_unreadable` and those of `check_wish`."""
        number = await _number(connection, wish.subject)
        # In a transaction of its own: it reads what does not change while somebody asks.
        _, _, currency = await self._adjustments.line(number=number.e164)
        try:
            amount = parse_signed(wish.facts.get("amount", ""), currency)
        except InvalidMoney:
            raise Invalid("signed_amount_unreadable", currency=currency) from None
        asked = AdjustmentWish(number, amount, wish.facts.get("why", ""), wish.reason, "")
        check_wish(asked)
        return {"amount_minor": amount.amount_minor, "currency": currency, "why": asked.reason}

    async def _execute(self, transaction: Transaction, approval: Approval) -> Mapping[str, Any]:
        """Raises NotFound `line_unknown`, Conflict with the ledger's code where it cannot be."""
        facts = approval.facts
        number = await _number(transaction.connection, approval.subject)
        amount = Money(facts["amount_minor"], facts["currency"])
        wish = AdjustmentWish(number, amount, facts["why"], approval.reason, approval.requested_by)
        adjustment_id = AdjustmentId(new_id("adjustment", approval.lane))
        made = await self._adjustments.make_within(transaction, adjustment_id=adjustment_id, wish=wish)
        return {"adjustment": made.id}


async def _number(connection: Connection, line_id: str) -> Msisdn:
    """The number a line has today: a line that lost it cannot be adjusted so."""
    try:
        line = LineRef(lane_of(check_id("line", line_id)), LineId(line_id))
    except InvalidId:
        raise NotFound("line_unknown") from None
    found = await number_of(connection, line)
    if found is None:
        raise NotFound("line_unknown")
    return parse_msisdn(found)
