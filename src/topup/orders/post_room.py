"""Where events of gateways and carriers arrive: verified, stored in a commit of their own, acknowledged, and then
settled; a sweep takes what a dead process left.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import ModuleType
from typing import Any, Final, TypeVar

import structlog

from topup.fulfilment import inbox as carrier_inbox
from topup.fulfilment.inbox import StoredCarrierEvent
from topup.fulfilment.ports import Carrier, CarrierEventRejected, CarrierFact
from topup.kernel.errors import NotFound, Problem, Unavailable
from topup.kernel.ids import InvalidId, check_id, lane_of
from topup.orders.concluding import Heard
from topup.orders.disputing import UNPLACED_LANE, DisputeHeard, NotKnownYet, unplaced
from topup.orders.outside import Ears
from topup.orders.refunding import RefundHeard
from topup.orders.settlement import Told
from topup.payments import inbox
from topup.payments.facts import lane_of_fact, read
from topup.payments.inbox import StoredEvent
from topup.payments.instruments.agreeing import AgreementHeard
from topup.payments.ports import (
    AgreementFact,
    DisputeFact,
    EventRejected,
    Fact,
    Gateway,
    PaymentFact,
    RefundFact,
)
from topup.payments.states import HORIZON
from topup.platform.batching import Batcher
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Database
from topup.platform.inbox import EventKey, Kept, readable
from topup.platform.keys import KeyRing
from topup.platform.metrics import event_quarantined, item_parked
from topup.work.operations import Decision, list_for_person

_UNDER_WAY: Final = 20_000
"""Events being settled at once in this process; the rest is left to the sweep."""
_QUARANTINING: Final = 4
"""Forged events being written down at once in this process: whoever sends more is counted, and costs no write."""

Stated = TypeVar("Stated", Fact, CarrierFact)

_log: Final = structlog.get_logger(__name__)
_STORED = crash_label("inbox.stored")
_CARRIER_STORED = crash_label("carrier_inbox.stored")
_BEFORE_PARKING = crash_label("inbox.before_park")
_AFTER_PARKING = crash_label("inbox.after_park")
_BEFORE_WAITING = crash_label("dispute.before_waiting")
_AFTER_WAITING = crash_label("dispute.after_waiting")
_BEFORE_QUARANTINE = crash_label("quarantine.before_commit")
_AFTER_QUARANTINE = crash_label("quarantine.after_commit")


@dataclass(frozen=True, slots=True)
class Replayed:
    """A stored event that was told once more: who said it (a way to pay, or a carrier), when it came and had its effect
    first, what it says (`said` as it is stored), and the code of what kept it from being settled now (empty: it is
    settled).
    """

    method: str
    received_at: datetime
    settled_at: datetime | None
    facts: tuple[Fact | CarrierFact, ...]
    obstacle: str
    said: str


class PostRoom:
    """The post room of one process."""

    def __init__(
        self,
        *,
        database: Database,
        keys: KeyRing,
        gateways: Mapping[str, Gateway],
        carriers: Mapping[str, Carrier],
        ears: Ears,
    ) -> None:
        self._database = database
        self._keys = keys
        self._gateways = gateways
        self._carriers = carriers
        self._ears = ears
        self._store = Batcher(database, "payments.inbox", inbox.store)
        self._store_carrier = Batcher(database, "fulfilment.inbox", carrier_inbox.store)
        self._tasks: set[asyncio.Task[None]] = set()
        self._quarantining = 0
        self.quarantined: dict[str, int] = {}
        """Events that did not verify, by plugin, since this process began."""

    async def settled(self) -> None:
        """Wait until everything that was acknowledged so far has had its effect, or was left to the sweep."""
        if self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def aclose(self) -> None:
        """Settle what was acknowledged, take nothing more."""
        await self._store.aclose()
        await self._store_carrier.aclose()
        await self.settled()

    @property
    def methods(self) -> list[str]:
        """The ways to pay whose events come in here."""
        return sorted(self._gateways)

    @property
    def sources(self) -> frozenset[str]:
        """Whose events come in here: the ways to pay, and the carriers."""
        return frozenset(self._gateways) | frozenset(self._carriers)

    async def from_gateway(self, *, method: str, headers: Mapping[str, str], body: bytes) -> tuple[int, str, bytes]:
        """A gateway's event; gives the acknowledgement. Raises method_unknown, and Unavailable when it could not be
        stored: then it is not acknowledged, and comes again.
        """
        gateway = self._gateways.get(method)
        if gateway is None:
            raise NotFound("method_unknown")
        try:
            event = gateway.parse_event(headers, body, await self._now())
            places = [lane_of_fact(fact) for fact in event.facts]
        except (EventRejected, InvalidId) as rejected:
            return await self._reject(method, str(rejected), body)
        lane = min((place for place in places if place is not None), default=UNPLACED_LANE)
        key = (lane, method, event.event_id)
        stored = StoredEvent(key, self._seal(body, key), event.facts)
        new = await self._store.submit(stored)
        crash_point(_STORED)
        if new:
            self._begin(self._settle(key, event.facts))
        return gateway.acknowledge()

    async def from_carrier(self, *, carrier: str, headers: Mapping[str, str], body: bytes) -> tuple[int, str, bytes]:
        """A carrier's event; likewise."""
        plugin = self._carriers.get(carrier)
        if plugin is None:
            raise NotFound("carrier_unknown")
        try:
            event = plugin.parse_event(headers, body, await self._now())
            places = {lane_of(check_id("fulfilment", fact.fulfilment_id)) for fact in event.facts}
        except (CarrierEventRejected, InvalidId) as rejected:
            return await self._reject(carrier, str(rejected), body)
        key = (min(places, default=0), carrier, event.event_id)
        stored = StoredCarrierEvent(key, self._seal(body, key), event.facts)
        new = await self._store_carrier.submit(stored)
        crash_point(_CARRIER_STORED)
        if new:
            self._begin(self._conclude(key, event.facts))
        return 200, "text/plain", b"ok"

    async def sweep(self, limit: int = 200) -> int:
        """Settle events that a process took in and did not settle; how many."""
        async with self._database.read() as transaction:
            left = await inbox.unsettled(transaction.connection, limit, transaction.now)
            carriers_left = await carrier_inbox.unsettled(transaction.connection, limit, transaction.now)
        await asyncio.gather(
            *(self._settle(key, facts) for key, facts in left),
            *(self._conclude(key, facts) for key, facts in carriers_left),
        )
        return len(left) + len(carriers_left)

    async def replay(self, event_id: str, *, lanes: int) -> list[Replayed]:
        """Tell once more what a gateway's or a carrier's stored event said: what it settled before stays as it is, and
        what it could not settle then may be settled now. Of several sources with this id, all. Raises NotFound
        event_unknown.
        """
        async with self._database.read() as transaction:
            gateways = await inbox.find(transaction.connection, event_id, lanes)
            carriers = await carrier_inbox.find(transaction.connection, event_id, lanes)
        if not gateways and not carriers:
            raise NotFound("event_unknown", event=event_id)
        return [
            *[await self._replayed(event, readable(read, event.facts), self._tell) for event in gateways],
            *[
                await self._replayed(event, readable(carrier_inbox.read, event.facts), self._tell_delivery)
                for event in carriers
            ],
        ]

    async def _replayed(
        self,
        event: Kept,
        facts: tuple[Stated, ...] | None,
        tell: Callable[[Stated, EventKey, EventKey | None], Awaitable[None]],
    ) -> Replayed:
        obstacle = "unreadable" if facts is None else await _told_again(event.key, facts, tell)
        return Replayed(event.key[1], event.received_at, event.settled_at, facts or (), obstacle, event.facts)

    async def _settle(self, key: EventKey, facts: Sequence[Fact] | None) -> None:
        async def tell(fact: Fact, event: EventKey | None) -> None:
            await self._tell(fact, key, event)

        await self._each(key, facts, tell, carrier=False)

    async def _tell(self, fact: Fact, key: EventKey, event: EventKey | None) -> None:
        match fact:
            case PaymentFact():
                await self._ears.payment(Told(fact, key[1], event))
            case RefundFact():
                await self._ears.refund(RefundHeard(fact.refund_id, fact.outcome, key[1], event=event))
            case DisputeFact():
                await self._ears.dispute(DisputeHeard(fact, key[1], event))
            case AgreementFact():
                await self._ears.agreement(AgreementHeard(fact, key[1], event))

    async def _conclude(self, key: EventKey, facts: Sequence[CarrierFact] | None) -> None:
        async def tell(fact: CarrierFact, event: EventKey | None) -> None:
            await self._tell_delivery(fact, key, event)

        await self._each(key, facts, tell, carrier=True)

    async def _tell_delivery(self, fact: CarrierFact, key: EventKey, event: EventKey | None) -> None:
        await self._ears.delivery(Heard(fact.fulfilment_id, fact.outcome, key[1], event=event))

    async def _each(
        self,
        key: EventKey,
        facts: Sequence[Stated] | None,
        tell: Callable[[Stated, EventKey | None], Awaitable[None]],
        *,
        carrier: bool,
    ) -> None:
        """Settle the facts of an event one by one. It is settled with the last of them, so that the sweep takes it up
        again when the process dies in between; a fact that cannot be settled parks it, after the others, and one whose
        payment is not known yet has it wait for a while. None are facts that cannot be read.
        """
        if facts is None:
            _log.error("event_unreadable", plugin=key[1])
            await self._park(key, "unreadable", carrier=carrier)
            return
        obstacle = ""
        early: list[DisputeHeard] = []
        for number, fact in enumerate(facts, 1):
            is_last = number == len(facts)
            try:
                await tell(fact, key if is_last and not obstacle and not early else None)
            except NotKnownYet:
                early += [DisputeHeard(fact, key[1])] if isinstance(fact, DisputeFact) else []
            except Problem as problem:
                if problem.category == Unavailable.category:
                    return  # the sweep takes it up again
                _log.warning("event_about_nothing_known", plugin=key[1], code=problem.code)
                obstacle = problem.code
            except Exception as error:  # noqa: BLE001 - a poisoned event must not stop the others; it is parked
                _log.exception("event_parked", plugin=key[1])
                obstacle = type(error).__name__
        if early and await self._waits(key):
            return
        for heard in early:
            await self._list(unplaced(heard), inbox if heard is early[-1] and not obstacle else None, key)
            item_parked(place=f"event:{key[1]}")
        if obstacle:
            await self._park(key, obstacle, carrier=carrier)

    async def _waits(self, key: EventKey) -> bool:
        """Whether an event is looked at again later, for it has not waited so long that a person has to look."""
        async with self._database.transaction() as transaction:
            waits = await inbox.put_off(transaction.connection, key, transaction.now, patience=HORIZON)
            crash_point(_BEFORE_WAITING)
        crash_point(_AFTER_WAITING)
        return waits

    async def _park(self, key: EventKey, reason: str, *, carrier: bool) -> None:
        """Put an event aside that cannot be settled: a person looks, and the others go on."""
        evidence = {"from": key[1], "event": key[2], "reason": reason}
        decision = Decision(key[0], "event_parked", f"{key[1]}:{key[2]}", evidence)
        await self._list(decision, carrier_inbox if carrier else inbox, key)
        item_parked(place=f"event:{key[1]}")

    async def _list(self, decision: Decision, room: ModuleType | None, key: EventKey) -> None:
        """List what an event asks of a person; with its `room`, that settles the event."""
        async with self._database.transaction() as transaction:
            if room is not None:
                await room.settled(transaction.connection, [key], transaction.now)
            await list_for_person(transaction.connection, [decision], transaction.now)
            crash_point(_BEFORE_PARKING)
        crash_point(_AFTER_PARKING)

    async def _reject(self, plugin: str, reason: str, body: bytes) -> tuple[int, str, bytes]:
        self.quarantined[plugin] = self.quarantined.get(plugin, 0) + 1
        event_quarantined(plugin=plugin)
        if self._quarantining < _QUARANTINING:
            self._quarantining += 1
            try:
                await self._quarantine(plugin, reason, body)
            finally:
                self._quarantining -= 1
        return 400, "text/plain", b"rejected"

    async def _quarantine(self, plugin: str, reason: str, body: bytes) -> None:
        sealed = self._keys.seal(body[:4096], bound_to=f"quarantine:{plugin}")
        async with self._database.transaction() as transaction:
            await inbox.quarantine(
                transaction.connection, method=plugin, reason=reason[:200], raw=sealed, now=transaction.now
            )
            crash_point(_BEFORE_QUARANTINE)
        crash_point(_AFTER_QUARANTINE)

    def _seal(self, body: bytes, key: tuple[int, str, str]) -> bytes:
        return self._keys.seal(body, bound_to=f"{key[1]}:{key[2]}")

    async def _now(self) -> datetime:
        return await self._database.roughly_now()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        if len(self._tasks) >= _UNDER_WAY:
            work.close()
            return
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _told_again(
    key: EventKey,
    facts: Sequence[Stated],
    tell: Callable[[Stated, EventKey, EventKey | None], Awaitable[None]],
) -> str:
    """Why an event could not be settled; empty where it was."""
    try:
        for number, fact in enumerate(facts, 1):
            await tell(fact, key, key if number == len(facts) else None)
    except Problem as problem:
        if problem.category == Unavailable.category:
            raise
        return problem.code
    return ""
