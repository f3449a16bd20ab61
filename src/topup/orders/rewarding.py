"""Points with orders: held before the order is made, brought to where it is afterwards, in the payer's lane (ADR 18).

From the moment it is made the order's row counts how often its state decided about points, and a sweep follows. What
was held for an order that was never made lapses by itself. What an order earns is credited when it is delivered, and
taken back as far as its money goes back, or the payer's bank took it in a dispute that we lost.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from topup.catalogue.campaigns import NEVER_ENDS
from topup.catalogue.queries import CatalogueCache, Snapshot
from topup.catalogue.validity import validity_of
from topup.kernel.errors import Conflict
from topup.offers.points import operations as points
from topup.offers.points.operations import Aim, Reward, Spend
from topup.offers.points.postings import AccountKey, Lasting
from topup.offers.states import ReservationState
from topup.orders import queries
from topup.orders.following import Following, Row, Statements, What
from topup.orders.purses import payer_marks
from topup.orders.queries import Order, Place
from topup.orders.quotes import PAYABLE_FOR, StoredQuote, decoded
from topup.orders.states import LET_GO, USED, OrderState
from topup.payments import disputes
from topup.payments import queries as paid
from topup.payments.queries import Capture
from topup.payments.states import Disposition
from topup.platform.batching import Batcher
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Connection, Database
from topup.platform.keys import KeyRing

AT_ONCE: Final = 200
SLACK: Final = timedelta(minutes=15)
"""So much longer than an order may be paid its offers are held: the sweep that lets orders expire may be late."""

_BEFORE_MOVE = crash_label("offers.points.follow.before_commit")
_AFTER_MOVE = crash_label("offers.points.follow.after_commit")
_BEFORE_NOTE = crash_label("offers.points.follow.before_note")
_AFTER_NOTE = crash_label("offers.points.follow.after_note")

_STATEMENTS: Final = Statements(
    due="""
SELECT lane, id, points_marks FROM orders.orders WHERE points_marks > points_followed ORDER BY state_since LIMIT %s
""",
    known="""
SELECT o.lane, o.id, o.points_marks FROM unnest(%b::smallint[], %b::text[]) AS k (lane, id)
JOIN orders.orders AS o USING (lane, id)
""",
    done="""
UPDATE orders.orders o SET points_followed = d.marks
FROM unnest(%b::smallint[], %b::text[], %b::int[]) AS d (lane, id, marks)
WHERE o.lane = d.lane AND o.id = d.id AND o.points_followed < d.marks
""",
)


@dataclass(frozen=True, slots=True)
class _Due:
    order: Order
    quote: StoredQuote
    kept: Capture | None
    """The money that pays for it, where it came."""
    gone_minor: int = 0
    """What of that is not ours any more."""


class Rewarding:
    """Holds, spends, gives back, credits and takes back the points of orders."""

    def __init__(self, *, database: Database, catalogue: CatalogueCache, keys: KeyRing) -> None:
        self._database = database
        self._catalogue = catalogue
        self._keys = keys
        self._hold = Batcher(database, "offers.points.hold", points.hold)
        self._release = Batcher(database, "offers.points.release", _released)
        self._following = Following(database=database, what=What.POINTS, statements=_STATEMENTS, bring=self._bring)

    async def aclose(self) -> None:
        """Finish what was taken in."""
        await self._hold.aclose()
        await self._release.aclose()

    async def hold(self, *, order_id: str, quote: StoredQuote, payer_id: str | None) -> None:
        """Hold the points that pay for an order. Raises Conflict `points_gone` where there are too few of them, or who
        orders is not who asked for the price.
        """
        if quote.points is None or payer_id is None or quote.points.payer not in payer_marks(self._keys, payer_id):
            raise Conflict("points_gone")
        async with self._database.read() as transaction:
            until = transaction.now + PAYABLE_FOR + SLACK
        key = AccountKey(payer_id, quote.carrier_id)
        if not await self._hold.submit(Spend(key, order_id, quote.points.spent, until)):
            raise Conflict("points_gone")

    async def let_go(self, *, order_id: str, payer_id: str, carrier_id: str) -> None:
        """The order was not made after all."""
        await self._release.submit((AccountKey(payer_id, carrier_id), order_id))

    async def follow(self, limit: int = AT_ONCE) -> int:
        """Bring points to where their orders are; how many orders that were. One that cannot be is put off."""
        return await self._following.follow(limit)

    async def _bring(self, marked: Sequence[Row]) -> None:
        """Raises PointsMoved where the ledger was faster: the next time finds it as it is."""
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            # As they are until the points are moved: whose payer leaves meanwhile must not get any afterwards.
            await self._following.lock(connection, marked)
            due = await _due(connection, [(lane, identifier) for lane, identifier, _ in marked])
            snapshot = await self._catalogue.current(connection)
            aims = [aim for one in due if (aim := _aim(one, snapshot, now)) is not None]
            await points.follow(connection, aims, now)
            crash_point(_BEFORE_MOVE)
        crash_point(_AFTER_MOVE)
        async with self._database.transaction() as transaction:
            # What was marked again meanwhile stays due.
            await self._following.lock(transaction.connection, marked)
            await self._following.done(transaction.connection, marked, transaction.now)
            crash_point(_BEFORE_NOTE)
        crash_point(_AFTER_NOTE)


async def _released(connection: Connection, places: Sequence[tuple[AccountKey, str]], now: datetime) -> list[None]:
    await points.let_go(connection, places, now)
    return [None] * len(places)


async def _due(connection: Connection, places: Sequence[Place]) -> list[_Due]:
    if not places:
        return []
    orders = await queries.orders(connection, places)
    quotes = await queries.quotes(connection, [(order.lane, order.quote_id) for order in orders.values()])
    payments = [(order.lane, str(order.kept_payment_id)) for order in orders.values() if order.kept_payment_id]
    captures = await paid.captures(connection, payments) if payments else {}
    objections = await disputes.of_payments(connection, payments) if payments else []
    due = []
    for order in orders.values():
        kept = _kept(captures, order.kept_payment_id)
        gone_minor = disputes.gone_minor(kept, objections) if kept else 0
        due.append(_Due(order, decoded(quotes[order.quote_id].body), kept, gone_minor))
    return due


def _kept(captures: Mapping[str, Sequence[Capture]], payment_id: str | None) -> Capture | None:
    found = captures.get(payment_id or "", ())
    return next((one for one in found if one.disposition is Disposition.KEPT), None)


def _aim(due: _Due, snapshot: Snapshot, now: datetime) -> Aim | None:
    """Where the points of an order are to be; None where its payer has left, and their points with them."""
    order, quote = due.order, due.quote
    if order.payer_id is None:
        return None
    return Aim(
        account=AccountKey(order.payer_id, order.carrier_id),
        order_id=order.id,
        state=_standing(order.state) if quote.points_spent else None,
        until=order.expires_at + SLACK,
        reward=_reward(due, snapshot, now),
    )


def _standing(state: OrderState) -> ReservationState:
    if state in USED:
        return ReservationState.SETTLED
    if state in LET_GO:
        return ReservationState.RELEASED
    return ReservationState.GIVEN_BACK if state is OrderState.REFUNDED else ReservationState.HELD


def _reward(due: _Due, snapshot: Snapshot, now: datetime) -> Reward | None:
    """What an order earned is kept as far as its money is; where it may yet arrive, all stays as it is."""
    promised, state, money = due.quote.points_earned, due.order.state, due.kept
    if not promised or money is None or state not in {OrderState.DELIVERED, OrderState.REFUNDED}:
        return None
    left_minor = money.amount_minor - due.gone_minor if state is OrderState.DELIVERED else 0
    return Reward(promised, promised * left_minor // money.amount_minor, _lasting(due.quote, snapshot, now))


def _lasting(quote: StoredQuote, snapshot: Snapshot, now: datetime) -> Lasting:
    """Until when points that are earned now may be used, by the version that was quoted."""
    version = snapshot.version(quote.carrier_id, quote.catalogue_version)
    if version is None:
        raise LookupError(f"version {quote.catalogue_version} of {quote.carrier_id} was quoted")
    stacking = version.document.offers
    rule = stacking.points.validity if stacking.points else NEVER_ENDS
    validity, why = validity_of(rule, ZoneInfo(quote.zone), now)
    return Lasting(validity.usable_until, {"id": why["id"], **why["inputs"]})
