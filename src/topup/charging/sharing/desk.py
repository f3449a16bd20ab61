"""Credit shared between lines: asked for, held with the sender, credited to the receiver, settled.

Promise: what the sender gives, the receiver gets or the sender has again, whatever dies on the way; the limits of the
carrier's file hold however many try at once. Each step is a transaction of its own under a lock on the share, and its
ledger items have keys of their own, so whoever comes along may drive any share on, as often as they like.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import structlog

from topup.catalogue.line_facts import Portion
from topup.catalogue.queries import CatalogueCache, Snapshot
from topup.catalogue.sharing import Shared
from topup.catalogue.versions import CarrierVersion
from topup.charging.sharing import postings
from topup.charging.sharing.operations import advance, create, lease_due, lock_lines
from topup.charging.sharing.queries import Share, ShareStep, share_of, steps_of
from topup.charging.sharing.rules import Pair, Wish, agreed, pair_of, takes_credit
from topup.charging.sharing.states import SHARE, ShareCause, ShareState
from topup.kernel.errors import Conflict, NotFound, Problem
from topup.kernel.ids import InvalidId, ShareId, check_id, lane_of
from topup.kernel.msisdn import Msisdn, parse_msisdn
from topup.ledger import Item, Posted, PostingRefused, post
from topup.ledger.queries import buckets
from topup.lines import lives
from topup.lines.living import Happened, ToppingUp, happen
from topup.lines.queries import lines_now
from topup.lines.standing import standings
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Connection, Database, Transaction
from topup.platform.request_keys import Answering, store_answers

BATCH: Final = 100
_LEASE: Final = timedelta(seconds=60)
"""A share that cannot be driven on, through a defect, is tried again no sooner."""
_MOST_STEPS: Final = len(ShareState)

_BEFORE_HOLD = crash_label("sharing.hold.before_commit")
_AFTER_HOLD = crash_label("sharing.hold.after_commit")
_STEPS: Final = {ShareState.HELD: "credit", ShareState.CREDITED: "settle", ShareState.RETURNING: "release"}
_BEFORE_STEP: Final = {state: crash_label(f"sharing.{step}.before_commit") for state, step in _STEPS.items()}
_AFTER_STEP: Final = {state: crash_label(f"sharing.{step}.after_commit") for state, step in _STEPS.items()}
_BEFORE_RETURN = crash_label("sharing.return.before_commit")
_AFTER_RETURN = crash_label("sharing.return.after_commit")
_BEFORE_LEASE = crash_label("sharing.lease.before_commit")
_AFTER_LEASE = crash_label("sharing.lease.after_commit")
_BEFORE_ANSWER = crash_label("sharing.answer.before_commit")
_AFTER_ANSWER = crash_label("sharing.answer.after_commit")

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Sender:
    """A number that has a line: the lane its shares are made in, and the currency of its credit."""

    msisdn: Msisdn
    lane: int
    currency: str


@dataclass(frozen=True, slots=True)
class SharePrice:
    """What sending credit would come to now; `zone` is the receiver's, in which its end is said."""

    wish: Wish
    carrier_names: Mapping[str, str]
    shared: Shared
    zone: str


@dataclass(frozen=True, slots=True)
class ShareView:
    """A share with its way so far. `final`: nothing more will happen. `zone` is the receiver's."""

    share: Share
    steps: tuple[ShareStep, ...]
    zone: str

    @property
    def final(self) -> bool:
        """Whether it is at its end."""
        return self.share.state in SHARE.final


class Sharing:
    """Credit shared between the lines of this installation."""

    def __init__(self, *, database: Database, catalogue: CatalogueCache) -> None:
        self._database = database
        self._catalogue = catalogue

    async def sender(self, *, number: str) -> Sender:
        """The line that has this number today, as people write it. Raises InvalidNumber, NotFound line_unknown."""
        msisdn = parse_msisdn(number)
        async with self._database.read() as transaction:
            line = (await lines_now(transaction.connection, [msisdn.e164])).get(msisdn.e164)
            snapshot = await self._catalogue.current(transaction.connection)
        carrier = snapshot.carrier(line.carrier_id) if line else None
        if line is None or carrier is None:
            raise NotFound("line_unknown")
        return Sender(msisdn, line.ref.lane, carrier.currency)

    async def price(self, *, wish: Wish) -> SharePrice:
        """What it would come to now; nothing is promised. Raises those of `pair_of` and `agreed`."""
        async with self._database.read() as transaction:
            snapshot = await self._catalogue.current(transaction.connection)
            pair = await pair_of(transaction.connection, wish, snapshot)
            shared = await agreed(transaction.connection, wish, pair, transaction.now)
        return SharePrice(wish, pair.carrier.document.names, shared, pair.zones["receiver"].key)

    async def send(
        self, *, share_id: ShareId, wish: Wish, asked_by: str, answer: Answering[ShareView] | None = None
    ) -> ShareView:
        """Send credit, under an id of the sender's lane; the same id again finds what became of it.

        It comes back when the share is at its end, `shared` or `returned`. Raises those of `pair_of` and `agreed`, and
        Conflict insufficient_funds, sharing_not_shareable, bucket_frozen: then nothing has moved.
        """
        share = await self._begin(share_id, wish, asked_by)
        if share.state is ShareState.REFUSED:
            raise _refusal(share)
        await self._drive(share.lane, share.id)
        return await self._answered(share, answer)

    async def get(self, *, share_id: str) -> ShareView:
        """A share as it stands; raises NotFound share_unknown."""
        try:
            lane = lane_of(check_id("share", share_id))
        except InvalidId:
            raise NotFound("share_unknown") from None
        async with self._database.read() as transaction:
            return await _view(transaction.connection, lane, share_id)

    async def sweep(self) -> int:
        """Drive on what nobody drives: left by a process that died, or by a database that went away. How many."""
        async with self._database.transaction() as transaction:
            due = await lease_due(transaction.connection, transaction.now, limit=BATCH, lease=_LEASE)
            crash_point(_BEFORE_LEASE)
        crash_point(_AFTER_LEASE)
        for lane, share_id in due:
            try:
                await self._drive(lane, share_id)
            except Problem:
                raise
            except Exception:  # noqa: BLE001 - whatever keeps one share must not keep the others
                _log.exception("share_stuck", share=share_id)
        return len(due)

    # The sender's part

    async def _begin(self, share_id: ShareId, wish: Wish, asked_by: str) -> Share:
        """Agree to it and hold the sender's credit; or what an earlier attempt under this id did."""
        async with self._database.transaction() as transaction:
            connection = transaction.connection
            earlier = await share_of(connection, lane=lane_of(share_id), share_id=share_id, lock=True)
            if earlier is not None:
                return earlier
            share = await self._held(transaction, share_id, wish, asked_by)
            crash_point(_BEFORE_HOLD)
        crash_point(_AFTER_HOLD)
        return share

    async def _held(self, transaction: Transaction, share_id: ShareId, wish: Wish, asked_by: str) -> Share:
        connection, now = transaction.connection, transaction.now
        snapshot = await self._catalogue.current(connection)
        pair = await pair_of(connection, wish, snapshot)
        if pair.sender.lane != lane_of(share_id):
            # The number got another line since its id was made: whose credit was meant is gone.
            raise NotFound("line_unknown")
        await lock_lines(connection, [pair.sender, pair.receiver])
        shared = await agreed(connection, wish, pair, now)
        share = _new(share_id, wish, pair, shared, asked_by=asked_by, now=now)
        if not await create(connection, share, now):
            raise Conflict("request_running")
        return await _hold(connection, share, now)

    # From there on

    async def _drive(self, lane: int, share_id: str) -> None:
        """Take a share to its end, a step at a time."""
        for _ in range(_MOST_STEPS):
            try:
                moved = await self._move(lane, share_id)
            except _NotTaken as refusal:
                await self._not_taken(lane, share_id, refusal.cause)
                moved = True
            if not moved:
                return

    async def _move(self, lane: int, share_id: str) -> bool:
        """One step in a transaction of its own; False: nothing is left to do."""
        async with self._database.transaction() as transaction:
            left = await self._step(transaction, lane, share_id)
            if left in _BEFORE_STEP:
                crash_point(_BEFORE_STEP[left])
        if left in _AFTER_STEP:
            crash_point(_AFTER_STEP[left])
        return left is ShareState.HELD

    async def _step(self, transaction: Transaction, lane: int, share_id: str) -> ShareState:
        """One step, under a lock on the share; the state it left, or is in when that is its end."""
        connection, now = transaction.connection, transaction.now
        share = await share_of(connection, lane=lane, share_id=share_id, lock=True)
        if share is None:
            raise NotFound("share_unknown")
        snapshot = await self._catalogue.current(connection)
        if share.state is ShareState.HELD:
            await _credit(connection, share, snapshot, now)
        elif share.state in {ShareState.CREDITED, ShareState.RETURNING}:
            await _close(connection, share, snapshot, now)
        return share.state

    async def _not_taken(self, lane: int, share_id: str, cause: ShareCause) -> None:
        """Decide that a share goes back, unless somebody drove it on meanwhile."""
        async with self._database.transaction() as transaction:
            share = await share_of(transaction.connection, lane=lane, share_id=share_id, lock=True)
            if share is not None and share.state is ShareState.HELD:
                await advance(transaction.connection, share, ShareState.RETURNING, cause, transaction.now)
            crash_point(_BEFORE_RETURN)
        crash_point(_AFTER_RETURN)

    async def _answered(self, share: Share, answer: Answering[ShareView] | None) -> ShareView:
        """What became of it; stored as the answer of the caller's key, where there is one."""
        if answer is None:
            async with self._database.read() as transaction:
                return await _view(transaction.connection, share.lane, share.id)
        async with self._database.transaction() as transaction:
            view = await _view(transaction.connection, share.lane, share.id)
            await store_answers(transaction.connection, [(answer.claim, *answer.render(view))])
            crash_point(_BEFORE_ANSWER)
        crash_point(_AFTER_ANSWER)
        return view


def _new(share_id: ShareId, wish: Wish, pair: Pair, shared: Shared, *, asked_by: str, now: datetime) -> Share:
    return Share(
        lane=pair.sender.lane,
        id=share_id,
        carrier_id=pair.carrier.carrier_id,
        catalogue_version=pair.carrier.version,
        sender_id=pair.sender.id,
        sender_msisdn=wish.sender.e164,
        receiver_lane=pair.receiver.lane,
        receiver_id=pair.receiver.id,
        receiver_msisdn=wish.receiver.e164,
        currency=shared.amount.currency,
        amount_minor=shared.amount.amount_minor,
        fee_minor=shared.fee.amount_minor,
        keeps_minor=shared.keeps.amount_minor,
        conditions=sorted(wish.conditions),
        asked_by=asked_by,
        reason=None,
        hold_id=None,
        usable_until=None,
        created_at=now,
        state_since=now,
        state=SHARE.initial,
    )


async def _hold(connection: Connection, share: Share, now: datetime) -> Share:
    """Hold what the sender gives, or write down why not."""
    [answer] = await post(connection, [postings.hold(share)], now)
    if isinstance(answer, Posted):
        await advance(connection, share, ShareState.HELD, ShareCause.HELD, now, hold_id=answer.hold_id)
        return replace(share, state=ShareState.HELD, hold_id=answer.hold_id)
    cause = ShareCause(answer.code)
    if cause is ShareCause.INSUFFICIENT_FUNDS and await _has_of_other_kinds(connection, share, now):
        cause = ShareCause.NOT_SHAREABLE
    await advance(connection, share, ShareState.REFUSED, cause, now)
    return replace(share, state=ShareState.REFUSED, reason=cause.value)


async def _has_of_other_kinds(connection: Connection, share: Share, now: datetime) -> bool:
    """Whether it would be enough if every kind of credit could be passed on."""
    found = (await buckets(connection, [share.sender_id])).get(share.sender_id, [])
    usable = [bucket for bucket in found if bucket.asset == share.currency and bucket.is_usable(now)]
    return sum(bucket.available for bucket in usable) >= share.needed.amount_minor


async def _credit(connection: Connection, share: Share, snapshot: Snapshot, now: datetime) -> None:
    """Give the receiver the credit; where the line or the ledger cannot take it, decide that it goes back."""
    stands = (await standings(connection, [share.receiver])).get(share.receiver_id)
    carrier = _version(share, snapshot)
    living = await ToppingUp.open(connection, [share.receiver], now, snapshot=snapshot)
    takes = stands is not None and takes_credit(stands.line, snapshot)
    if not takes or not _lives_on(living, share, carrier):
        await advance(connection, share, ShareState.RETURNING, ShareCause.RECEIVER_CANNOT_TAKE, now)
        return
    before = living.items()
    answer = (await post(connection, [*before, postings.credit(share, carrier)], now))[len(before)]
    if isinstance(answer, PostingRefused):
        # What the line's life would have done is undone with the credit that it was for.
        raise _NotTaken(ShareCause(answer.code))
    await living.write(connection)
    ends = answer.legs[0].usable_until
    await advance(connection, share, ShareState.CREDITED, ShareCause.ARRIVED, now, usable_until=ends)


class _NotTaken(Exception):
    """The ledger refused the receiver's credit."""

    def __init__(self, cause: ShareCause) -> None:
        super().__init__(cause)
        self.cause = cause


def _lives_on(living: ToppingUp, share: Share, carrier: CarrierVersion) -> bool:
    """Let the receiver's clocks and states take the credit for what the file says it is; False: it can take none."""
    sharing = carrier.document.sharing
    grant = postings.grant_of(share, carrier)
    brings = [Portion(share.amount_minor, grant.validity.usable_until, grant.kind)]
    plain = sharing is not None and sharing.plain
    return living.take(share.receiver_id, amount_minor=share.amount_minor, plain=plain, brings=brings)


async def _close(connection: Connection, share: Share, snapshot: Snapshot, now: datetime) -> None:
    """Settle or release the sender's hold; its line then sees what it has."""
    # Locked before the ledger's lane, as whoever looks after lines does it.
    await lives.locked(connection, [(share.lane, share.sender_id)])
    gives = share.state is ShareState.CREDITED
    items: list[Item] = list(postings.settled(share)) if gives else [postings.released(share)]
    for answer in await post(connection, items, now):
        if isinstance(answer, PostingRefused):
            raise answer
    if gives:
        await advance(connection, share, ShareState.SHARED, ShareCause.SETTLED, now)
    else:
        await advance(connection, share, ShareState.RETURNED, ShareCause.GIVEN_BACK, now)
    await happen(connection, [Happened(share.sender, "funds")], now, snapshot=snapshot)


def _version(share: Share, snapshot: Snapshot) -> CarrierVersion:
    carrier = snapshot.version(share.carrier_id, share.catalogue_version)
    if carrier is None:
        raise RuntimeError(f"{share.id} was agreed by a file that was never published")
    return carrier


def _refusal(share: Share) -> Conflict:
    return Conflict(str(share.reason), needed=share.needed.to_major(), currency=share.currency, share=share.id)


async def _view(connection: Connection, lane: int, share_id: str) -> ShareView:
    share = await share_of(connection, lane=lane, share_id=share_id)
    if share is None:
        raise NotFound("share_unknown")
    stands = (await standings(connection, [share.receiver]))[share.receiver_id]
    return ShareView(share, tuple(await steps_of(connection, lane=lane, share_id=share_id)), stands.zone.key)
