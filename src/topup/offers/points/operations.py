"""Points held, spent, let go, given back, earned and taken back: on lists, in a caller's transaction.

Each step of an order is done once: its row says what was done, under the lock of the account, and the ledger's keys
name order and step. What the ledger did by itself meanwhile (points ended, a hold lapsed) shows as a refusal: then
nothing has happened, and who asks again finds it as it is.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from topup.kernel.ids import LineId
from topup.ledger import Posted, PostingRefused, Refusal, post
from topup.ledger.promises import left_of_holds
from topup.ledger.queries import Bucket, buckets, gave
from topup.offers.points import records
from topup.offers.points.postings import (
    EARNED,
    GIVEN_BACK,
    POINTS_EARNED,
    POINTS_SPENT,
    SPENT,
    TAKEN_BACK,
    Account,
    AccountKey,
    Lasting,
    available,
    ended,
    given_back,
    key_of,
)
from topup.offers.points.records import Earned, Spent
from topup.offers.states import ReservationState
from topup.platform.database import Connection

HELD, SETTLED = ReservationState.HELD, ReservationState.SETTLED
RELEASED, BACK = ReservationState.RELEASED, ReservationState.GIVEN_BACK


class PointsMoved(RuntimeError):
    """The ledger had other points by the time than were seen: nothing has happened, and it is to be done anew."""


@dataclass(frozen=True, slots=True)
class Spend:
    """Points to be held for an order until `expires_at`."""

    account: AccountKey
    order_id: str
    points: int
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Reward:
    """Of the points an order promised, `kept` are to be there: all when it is delivered, fewer when money went back."""

    promised: int
    kept: int
    lasting: Lasting


@dataclass(frozen=True, slots=True)
class Aim:
    """Where the points of an order are to be: those that pay for it as `state` says (None: none do), held `until` where
    that is HELD; and what it earned (None: as it is).
    """

    account: AccountKey
    order_id: str
    state: ReservationState | None
    until: datetime
    reward: Reward | None


@dataclass(slots=True)
class _Work:
    """The accounts and rows of one round, with what the ledger has of them."""

    known: dict[AccountKey, tuple[int, int]]
    spent: Mapping[str, Spent]
    earned: Mapping[str, Earned]
    open: Mapping[str, int]
    buckets: Mapping[LineId, Sequence[Bucket]]
    now: datetime
    accounts: list[Account] = field(default_factory=list)
    changed: list[Spent] = field(default_factory=list)
    rewarded: list[Earned] = field(default_factory=list)

    def account(self, key: AccountKey, order_id: str) -> Account:
        """The account as it is, for one step of an order."""
        some = self.buckets.get(key.holder, ())
        there, gone = available(some, key, self.now), ended(some, key, self.now)
        found = Account(key, order_id, there, *self.known[key], gone)
        self.accounts.append(found)
        return found

    def is_open(self, row: Spent) -> bool:
        """Whether what is held for an order is promised still, and did not lapse."""
        return row.state is HELD and row.hold_id in self.open


async def hold(connection: Connection, wanted: Sequence[Spend], now: datetime) -> list[bool]:
    """Hold points for orders; whether they are held (or were, or are spent already): else there are too few."""
    answers: dict[str, bool] = {}
    if wanted:
        await records.locked(connection, [one.account for one in wanted])
    for some in _rounds(wanted):
        work = await _open(connection, some, now)
        asked: dict[str, tuple[Spend, int]] = {}
        for one in some:
            if (again := _hold(work, one)) is None:
                answers[one.order_id] = True
            else:
                asked[one.order_id] = one, again
        held = await _posted(connection, work)
        for order_id, (one, number) in asked.items():
            posted = held.get(key_of(order_id, f"hold:{number}"))
            answers[order_id] = posted is not None and posted.hold_id is not None
            if posted is not None and posted.hold_id is not None:
                key = one.account
                who, hold_id = (key.subscriber_id, key.carrier_id), posted.hold_id
                work.changed.append(Spent(order_id, *who, one.points, HELD, hold_id, number, one.expires_at))
        await _write(connection, work)
    return [answers[one.order_id] for one in wanted]


def _hold(work: _Work, one: Spend) -> int | None:
    """Which hold of this order it becomes; None: it needs none."""
    row = work.spent.get(one.order_id)
    if row is not None and (row.state in {SETTLED, BACK} or (work.is_open(row) and _is_enough(row, one))):
        return None
    number = row.holds + 1 if row else 1
    account = work.account(one.account, one.order_id)
    if row is not None and work.is_open(row):
        account.release(row.hold_id, row.points, f"release:{row.holds}")
        # Where there are too few of the other points, what was held for the price before is let go all the same.
        work.changed.append(replace(row, state=RELEASED))
    account.settle_debt()
    account.hold(one.points, f"hold:{number}", until=one.expires_at)
    return number


def _is_enough(row: Spent, one: Spend) -> bool:
    return row.points == one.points and row.expires_at >= one.expires_at


async def let_go(connection: Connection, places: Sequence[tuple[AccountKey, str]], now: datetime) -> None:
    """Let go of what is held for orders that were not made after all: (account, order)."""
    aims = [Aim(key, order_id, RELEASED, now, None) for key, order_id in places]
    await follow(connection, aims, now)


async def follow(connection: Connection, aims: Sequence[Aim], now: datetime) -> None:
    """Bring the points of orders to where the orders are. Raises PointsMoved, and then nothing has happened."""
    # All at once, for each round would lock its own in an order that others do not keep.
    if aims:
        await records.locked(connection, [aim.account for aim in aims])
    for some in _rounds(aims):
        work = await _open(connection, some, now)
        longer: dict[str, Spent] = {}
        for aim in some:
            row = work.spent.get(aim.order_id)
            account = work.account(aim.account, aim.order_id)
            if aim.state is HELD and row is not None and work.is_open(row) and row.expires_at < aim.until:
                if account.ended:
                    # Promised anew, what ended meanwhile would be refused: it stays promised as long as it was.
                    continue
                account.release(row.hold_id, row.points, f"release:{row.holds}")
                account.hold(row.points, f"hold:{row.holds + 1}", until=aim.until)
                longer[key_of(aim.order_id, f"hold:{row.holds + 1}")] = replace(
                    row, holds=row.holds + 1, expires_at=aim.until
                )
            elif aim.state is not None and aim.state is not HELD and row is not None:
                await _spend(connection, work, account, row, aim)
            if aim.reward is not None:
                _reward(work, account, aim.reward)
            account.settle_debt()
        held = await _posted(connection, work, must=True)
        for key, row in longer.items():
            hold_id = held[key].hold_id
            if hold_id is None:
                raise PointsMoved(key)
            work.changed.append(replace(row, hold_id=hold_id))
        await _write(connection, work)


async def _spend(connection: Connection, work: _Work, account: Account, row: Spent, aim: Aim) -> None:
    """Points that pay for an order are spent, let go or given back."""
    if aim.state is SETTLED and row.state in {HELD, RELEASED}:
        if work.is_open(row):
            account.settle(row.hold_id, row.points, f"settle:{row.holds}")
        else:
            # Paid in time, and heard of after they were let go: the price was promised.
            account.take(row.points, "spent", SPENT, to=POINTS_SPENT)
        work.changed.append(replace(row, state=SETTLED))
    elif aim.state in {RELEASED, BACK} and row.state in {HELD, RELEASED}:
        if work.is_open(row):
            account.release(row.hold_id, row.points, f"release:{row.holds}")
        # What goes back is over, also where nobody had noted that it was spent: who read the order before it went
        # back, and comes only now, spends it no more.
        work.changed.append(replace(row, state=aim.state))
    elif aim.state is BACK and row.state is SETTLED:
        lane, keys = account.key.lane, (f"settle:{row.holds}", "spent")
        came = [part for step in keys for part in await gave(connection, lane=lane, key=key_of(row.order_id, step))]
        back = row.points - account.forgive(row.points, "back", source=POINTS_SPENT)
        for place, (points, lasting) in enumerate(given_back(came, back, work.now)):
            account.credit(points, f"back:{place}", GIVEN_BACK, source=POINTS_SPENT, lasting=lasting)
        work.changed.append(replace(row, state=BACK))


def _reward(work: _Work, account: Account, reward: Reward) -> None:
    """Points that an order promised are credited, or taken back as far as its money went back."""
    row = work.earned.get(account.order_id)
    key = account.key
    if row is None:
        # Of none as well: who read the order before its money went back, and comes only now, credits nothing.
        until = reward.lasting.usable_until
        row = Earned(account.order_id, key.subscriber_id, key.carrier_id, reward.promised, reward.kept, until)
        account.credit(reward.kept, "earned", EARNED, source=POINTS_EARNED, lasting=reward.lasting)
        work.rewarded.append(row)
    elif row is not None and reward.kept < row.kept:
        # Those that ended by themselves are not owed: nobody had them.
        lives = row.usable_until is None or row.usable_until > work.now
        account.take(row.kept - reward.kept, f"taken:{reward.kept}", TAKEN_BACK, to=POINTS_EARNED, owes=lives)
        work.rewarded.append(replace(row, kept=reward.kept))


Step = TypeVar("Step", Spend, Aim)


def _rounds(steps: Sequence[Step]) -> Iterator[list[Step]]:
    """The steps in portions in which no account comes twice: what one did, the next of that account must find.

    No portion has a lane below one of a portion before it. Each is a call of the ledger, which locks the lanes of a
    call, lowest first, until the transaction ends: so all of them together lock in that order too, and nobody who has
    lanes in theirs waits for us in a circle.
    """
    lanes: defaultdict[int, list[Step]] = defaultdict(list)
    for one in steps:
        lanes[one.account.lane].append(one)
    portion: list[Step] = []
    for _, left in sorted(lanes.items()):
        for number, some in enumerate(_of_lane(left)):
            if number:
                yield portion
                portion = []
            portion += some
    if portion:
        yield portion


def _of_lane(left: Sequence[Step]) -> Iterator[list[Step]]:
    while left:
        some: dict[AccountKey, Step] = {}
        for one in left:
            some.setdefault(one.account, one)
        yield list(some.values())
        left = [one for one in left if some[one.account] is not one]


async def _open(connection: Connection, steps: Sequence[Spend] | Sequence[Aim], now: datetime) -> _Work:
    known = await records.locked(connection, [one.account for one in steps])
    places = [(one.account.lane, one.order_id) for one in steps]
    spent = await records.spent(connection, places)
    held = [(row.lane, str(row.hold_id)) for row in spent.values() if row.state is HELD]
    return _Work(
        known=known,
        spent=spent,
        earned=await records.earned(connection, places),
        open=await left_of_holds(connection, held),
        buckets=await buckets(connection, [key.holder for key in known]),
        now=now,
    )


async def _posted(connection: Connection, work: _Work, *, must: bool = False) -> dict[str, Posted]:
    """What was posted, by key. A hold may be refused for want of points, unless it `must` be there."""
    items = [item for account in work.accounts for item in account.items]
    found: dict[str, Posted] = {}
    for item, answer in zip(items, await post(connection, items, work.now), strict=True):
        if isinstance(answer, PostingRefused):
            if must or item.KIND != "hold" or answer.code != Refusal.INSUFFICIENT_FUNDS:
                raise PointsMoved(f"{item.purpose} of {item.reference}: {answer.code}")
        else:
            found[item.key] = answer
    return found


async def _write(connection: Connection, work: _Work) -> None:
    rows = {row.order_id: row for row in work.changed}
    await records.write_spent(connection, list(rows.values()), work.now)
    await records.write_earned(connection, work.rewarded, work.now)
    if work.accounts:
        await records.owe(connection, {account.key: account.owed for account in work.accounts})
