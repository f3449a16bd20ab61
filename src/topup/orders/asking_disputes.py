"""Asking gateways how payers' objections stand that are open: the end of one may be told by an event alone, and events
may be lost. A bill opens what no event told of, and says what was won; that one was lost, no line of it says.
"""

from collections.abc import Mapping
from typing import Final

import structlog

from topup.kernel.errors import Unavailable
from topup.orders.disputing import DisputeHeard
from topup.orders.outside import Ears
from topup.payments import disputes
from topup.payments import queries as paid
from topup.payments.disputes import Dispute, TellsDisputes
from topup.payments.ports import DisputeFact, Gateway
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Database
from topup.platform.jobs import Sweep

AT_ONCE: Final = 20
_EVERY_S: Final = 300.0
_BEFORE_TAKING: Final = crash_label("dispute.before_take")
_TAKEN: Final = crash_label("dispute.taken")
_BEFORE_QUERY: Final = crash_label("dispute.before_query")
_AFTER_QUERY: Final = crash_label("dispute.after_query")
_log: Final = structlog.get_logger(__name__)


class AskingDisputes:
    """Asks this installation's gateways, one after the other: there are few to ask about."""

    def __init__(self, *, database: Database, gateways: Mapping[str, Gateway], ears: Ears) -> None:
        self._database = database
        self._gateways = gateways
        self._ears = ears

    async def ask(self, limit: int = AT_ONCE) -> int:
        """Ask about up to `limit` that are due, and write down what is news; how many."""
        async with self._database.transaction() as transaction:
            due = await disputes.take_to_ask(transaction.connection, limit, transaction.now)
            places = sorted({(one.lane, str(one.payment_id)) for one in due})
            payments = await paid.payments(transaction.connection, places) if due else {}
            if due:
                crash_point(_BEFORE_TAKING)
        if due:
            crash_point(_TAKEN)
        for one in due:
            try:
                await self._ask(one, payments[one.payment_id].method)
            except Unavailable:
                raise
            except Exception as error:  # noqa: BLE001 - a poisoned one must not stop the others; it is asked again
                _log.warning("dispute_not_told", payment=one.payment_id, error=type(error).__name__)
        return len(due)

    def sweeps(self) -> list[Sweep]:
        """What runs by itself."""
        return [Sweep("orders.disputes", _EVERY_S, self.ask, batch=AT_ONCE)]

    async def _ask(self, one: Dispute, method: str) -> None:
        gateway = self._gateways.get(method)
        if not isinstance(gateway, TellsDisputes):
            # It tells by events and bills alone, or is turned off for now.
            return
        crash_point(_BEFORE_QUERY)
        answer = await gateway.query_dispute(one.dispute, one.payment_id)
        crash_point(_AFTER_QUERY)
        if not isinstance(answer, DisputeFact):
            _log.warning("dispute_not_told", payment=one.payment_id, answer=type(answer).__name__)
        elif (answer.payment_id, answer.dispute) == (one.payment_id, one.dispute):
            await self._ears.dispute(DisputeHeard(answer, method))
        else:
            _log.warning("dispute_not_told", payment=one.payment_id, answer="of another")
