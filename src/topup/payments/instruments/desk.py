"""What an owner does with instruments, and the calls to gateways that keep and forget them."""

from collections.abc import Mapping
from typing import Final

import structlog

from topup.kernel.ids import PaymentId
from topup.kernel.outcome import Done
from topup.payments.instruments import records
from topup.payments.instruments.ports import Agrees, Keeps, OnRemoved, Removed
from topup.payments.instruments.records import Forgetting, Keeping, Kept
from topup.payments.ports import Gateway, Instrument, PaymentStanding
from topup.payments.states import PaymentState
from topup.people.subscribers.accounts import still_there
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Database
from topup.platform.jobs import Sweep
from topup.platform.keys import KeyRing

_EVERY_S: Final = 5.0
_BATCH: Final = 50
_MOST_QUESTIONS: Final = 40
"""Twelve hours apart, the later of them: after some weeks nothing will come of it."""

_BEFORE_TAKING: Final = crash_label("instruments.ask.before_commit")
_AFTER_TAKING: Final = crash_label("instruments.ask.after_commit")
_BEFORE_QUERY: Final = crash_label("instruments.query.before_call")
_AFTER_QUERY: Final = crash_label("instruments.query.after_call")
_BEFORE_KEEPING: Final = crash_label("instruments.keep.before_commit")
_AFTER_KEEPING: Final = crash_label("instruments.keep.after_commit")
_BEFORE_SETTLING: Final = crash_label("instruments.settle.before_commit")
_AFTER_SETTLING: Final = crash_label("instruments.settle.after_commit")
_BEFORE_REMOVING: Final = crash_label("instruments.remove.before_commit")
_AFTER_REMOVING: Final = crash_label("instruments.remove.after_commit")
_BEFORE_FORGETTING: Final = crash_label("instruments.forget.before_commit")
_AFTER_FORGETTING: Final = crash_label("instruments.forget.after_commit")
_BEFORE_TELLING: Final = crash_label("instruments.tell.before_call")
_AFTER_TELLING: Final = crash_label("instruments.tell.after_call")
_BEFORE_FORGOTTEN: Final = crash_label("instruments.forgotten.before_commit")
_AFTER_FORGOTTEN: Final = crash_label("instruments.forgotten.after_commit")

_log: Final = structlog.get_logger(__name__)


class Instruments:
    """The instruments of this installation; `gateways` are its ways to pay, `on_removed` what follows of a removal."""

    def __init__(
        self, *, database: Database, keys: KeyRing, gateways: Mapping[str, Gateway], on_removed: OnRemoved
    ) -> None:
        self._database = database
        self._keys = keys
        self._gateways = gateways
        self._on_removed = on_removed

    def keeps(self, method: str) -> bool:
        """Whether payers can leave an instrument with this way to pay."""
        return isinstance(self._gateways.get(method), Keeps)

    async def of(self, *, subscriber_id: str) -> list[Kept]:
        """What somebody left, newest first."""
        async with self._database.read() as transaction:
            return await records.kept_by(transaction.connection, subscriber_id=subscriber_id)

    async def remove(self, *, subscriber_id: str, instrument_id: str) -> None:
        """Use it no more, stop what pays with it, and have its gateway forget it. Raises InvalidId, NotFound
        `instrument_unknown`.
        """
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            await records.remove(connection, subscriber_id=subscriber_id, instrument_id=instrument_id, now=now)
            await self._on_removed(connection, Removed(subscriber_id, instrument_id, now))
            crash_point(_BEFORE_REMOVING)
        crash_point(_AFTER_REMOVING)

    async def keep_due(self, limit: int = _BATCH) -> int:
        """Ask gateways what was left with payments that were made; how many."""
        async with self._database.transaction() as transaction:
            due = await records.due(transaction.connection, limit, transaction.now)
            if due:
                crash_point(_BEFORE_TAKING)
        if due:
            crash_point(_AFTER_TAKING)
        for one in due:
            await self._ask(one)
        return len(due)

    async def forget_due(self, limit: int = _BATCH) -> int:
        """Tell gateways of what was removed; how many."""
        async with self._database.transaction() as transaction:
            due = await records.to_forget(transaction.connection, limit, transaction.now)
            if due:
                crash_point(_BEFORE_FORGETTING)
        if due:
            crash_point(_AFTER_FORGETTING)
        for one in due:
            try:
                await self._forget(one)
            except Exception:  # noqa: BLE001 - a poisoned one must not stop the others; it is told again
                _log.exception("instrument_not_forgotten", method=one.method, asked=one.asked)
        return len(due)

    def sweeps(self) -> list[Sweep]:
        """What runs by itself."""
        return [
            Sweep("payments.instruments.keep", _EVERY_S, self.keep_due, batch=_BATCH),
            Sweep("payments.instruments.forget", _EVERY_S, self.forget_due, batch=_BATCH),
        ]

    async def _ask(self, keeping: Keeping) -> None:
        gateway = self._gateways.get(keeping.method)
        if gateway is None or keeping.asked >= _MOST_QUESTIONS:
            _log.warning("instrument_not_kept", method=keeping.method, asked=keeping.asked)
            await self._settle(keeping)
            return
        if keeping.state != PaymentState.PAID:
            if keeping.state == PaymentState.CLOSED:
                await self._settle(keeping)
            return
        crash_point(_BEFORE_QUERY)
        answer = await gateway.query(PaymentId(keeping.payment_id))
        crash_point(_AFTER_QUERY)
        paid = [fact for fact in answer.facts if fact.standing is PaymentStanding.PAID]
        left = next((fact.instrument for fact in paid if fact.instrument is not None), None)
        if left is not None:
            await self._keep(keeping, left)
        if paid:
            await self._settle(keeping)

    async def _keep(self, keeping: Keeping, instrument: Instrument) -> None:
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            # An account that ended meanwhile leaves nothing behind; one that is here now stays until this is written.
            if await still_there(connection, subscriber_id=keeping.subscriber_id):
                await records.keep(
                    connection,
                    self._keys,
                    subscriber_id=keeping.subscriber_id,
                    method=keeping.method,
                    instrument=instrument,
                    now=now,
                )
            crash_point(_BEFORE_KEEPING)
        crash_point(_AFTER_KEEPING)

    async def _settle(self, keeping: Keeping) -> None:
        async with self._database.transaction() as transaction:
            await records.settled(transaction.connection, keeping)
            crash_point(_BEFORE_SETTLING)
        crash_point(_AFTER_SETTLING)

    async def _forget(self, one: Forgetting) -> None:
        gateway = self._gateways.get(one.method)
        no_contract = isinstance(gateway, Agrees) and not isinstance(gateway, Keeps) and not gateway.agreement_days
        if gateway is None or no_contract:
            # Turned off for now: it is told when it is there again.
            _log.warning("instrument_not_forgotten", method=one.method, asked=one.asked)
            return
        if isinstance(gateway, Keeps | Agrees):
            token = records.token_of(one, self._keys)
            crash_point(_BEFORE_TELLING)
            # Nobody is told of both: cards are kept by some gateways, wallets agree with others.
            ends = gateway.forget_instrument if isinstance(gateway, Keeps) else gateway.end_agreement
            outcome = await ends(token)
            crash_point(_AFTER_TELLING)
            if not isinstance(outcome, Done):
                _log.warning("instrument_not_forgotten", method=one.method, asked=one.asked)
                return
        async with self._database.transaction() as transaction:
            await records.forgotten(transaction.connection, one)
            crash_point(_BEFORE_FORGOTTEN)
        crash_point(_AFTER_FORGOTTEN)
