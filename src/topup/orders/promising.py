"""What is held of offers for orders, in the campaigns' own lanes: a saga, and no transaction over lanes (ADR 18).

Held before the order is made. From then on the order's row says that it holds something, each change of its state that
decides about that marks it as due, and a sweep brings the campaigns to where the order is. Whatever dies in between,
the mark stays until that is done; and what was held for an order that was never made lapses by itself.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

import structlog

from topup.catalogue.campaigns import Campaign
from topup.catalogue.queries import CatalogueCache, Snapshot
from topup.kernel.errors import Conflict, Problem
from topup.offers import operations as offers
from topup.offers.answers import Reason
from topup.offers.counting import CampaignKey, Wanted
from topup.offers.judging import limits_of
from topup.offers.records import ReservationKey, locked, reserved
from topup.orders import queries
from topup.orders.following import Following, Row, Statements, What
from topup.orders.gifting import Gifted, Gifting, gone_on
from topup.orders.offering import persons_of
from topup.orders.queries import Order, Place, place_of
from topup.orders.quotes import PAYABLE_FOR, StoredQuote, decoded
from topup.orders.rewarding import AT_ONCE, SLACK, Rewarding
from topup.orders.states import LET_GO, USED, OrderState
from topup.orders.stored_offers import StoredGift, StoredOffer
from topup.platform.batching import Batcher
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Connection, Database
from topup.platform.keys import KeyRing
from topup.work.operations import Decision, list_for_person

BEYOND: Final = "offer_beyond_limit"
"""The kind of what a person hears of: a promised price was kept after its campaign had run out."""

_log: Final = structlog.get_logger(__name__)

_BEFORE_MOVE = crash_label("offers.follow.before_commit")
_AFTER_MOVE = crash_label("offers.follow.after_commit")
_BEFORE_NOTE = crash_label("offers.follow.before_note")
_AFTER_NOTE = crash_label("offers.follow.after_note")

_STATEMENTS: Final = Statements(
    due="""
SELECT lane, id, state, expires_at FROM orders.orders WHERE offers_due ORDER BY state_since LIMIT %s
""",
    known="""
SELECT o.lane, o.id, o.state, o.expires_at FROM unnest(%b::smallint[], %b::text[]) AS k (lane, id)
JOIN orders.orders AS o USING (lane, id)
""",
    done="""
UPDATE orders.orders o SET offers_due = false
FROM unnest(%b::smallint[], %b::text[], %b::text[], %b::timestamptz[]) AS d (lane, id, state, expires_at)
WHERE o.lane = d.lane AND o.id = d.id AND o.state = d.state AND o.expires_at = d.expires_at
""",
)


class NotHeld(Problem):
    """`offers_not_held`: nothing is against this order, but its offers are not held for it yet. For the desk alone."""

    category = "conflict"

    def __init__(self, order_id: str, quote: StoredQuote, payer_id: str | None) -> None:
        super().__init__("offers_not_held")
        self.order_id = order_id
        self.quote = quote
        self.payer_id = payer_id


@dataclass(frozen=True, slots=True)
class _Due:
    order: Order
    quote: StoredQuote

    @property
    def keys(self) -> list[ReservationKey]:
        return [key_of(self.order.id, self.quote, one) for one in self.quote.offers]


def key_of(order_id: str, quote: StoredQuote, offer: StoredOffer) -> ReservationKey:
    """What is held of an offer for an order."""
    return ReservationKey(CampaignKey(quote.carrier_id, offer.campaign), order_id)


class Promising:
    """Holds, uses, lets go of and gives back the offers of orders."""

    def __init__(
        self, *, database: Database, catalogue: CatalogueCache, keys: KeyRing, lanes: int, rewarding: Rewarding
    ) -> None:
        self._rewarding = rewarding
        self._database = database
        self._catalogue = catalogue
        self._keys = keys
        self._lanes = lanes
        self._reserve = Batcher(database, "offers.reserve", self._reserved)
        self._release = Batcher(database, "offers.release", self._released)
        self._gifts = Gifting(database=database, slack=SLACK)
        self._following = Following(database=database, what=What.OFFERS, statements=_STATEMENTS, bring=self._bring)

    async def aclose(self) -> None:
        """Finish what was taken in."""
        await self._reserve.aclose()
        await self._release.aclose()
        await self._gifts.aclose()

    async def hold(self, asked: NotHeld) -> None:
        """Hold all offers of a price for an order, and the points that pay for it, or none of them. Raises Conflict
        `offer_gone`, with the `campaign` and the `reason` why there is none of it left, and `points_gone`.

        Whatever else goes wrong, what was held before is let go where that can be. What cannot lapses by itself; until
        then it is held for that order alone, and found so by who asks for the same again.
        """
        try:
            await self._hold(asked)
        except Conflict:
            raise
        except Exception:
            await self._undo(asked)
            raise

    async def _hold(self, asked: NotHeld) -> None:
        for place, one in enumerate(asked.quote.offers):
            refusal = await self._reserve.submit((asked, one))
            if refusal is not None:
                await self._let_go(asked, asked.quote.offers[:place])
                raise Conflict("offer_gone", campaign=one.campaign, reason=refusal.value)
        lacking = await self._lacking_gift(asked)
        if lacking is not None:
            await self._let_go(asked, asked.quote.offers)
            raise Conflict("offer_gone", campaign=lacking.campaign, reason=Reason.NO_GIFT.value)
        if asked.quote.points_spent:
            try:
                await self._rewarding.hold(order_id=asked.order_id, quote=asked.quote, payer_id=asked.payer_id)
            except Conflict:
                await self._gifts.let_go(asked.order_id, asked.quote)
                await self._let_go(asked, asked.quote.offers)
                raise

    async def _undo(self, asked: NotHeld) -> None:
        """Let go of what may be held, unless somebody else's press of the same button made the order meanwhile."""
        try:
            async with self._database.read() as transaction:
                made = await queries.orders(transaction.connection, [place_of("order", asked.order_id)])
            if not made:
                await self.let_go(asked)
        except Exception as error:  # noqa: BLE001 - what went wrong first is what the caller hears of
            _log.warning("offers_lapse_by_themselves", order=asked.order_id, error=type(error).__name__)

    async def _lacking_gift(self, asked: NotHeld) -> StoredGift | None:
        """Hold the gifts of a price; the one that is not there any more, and then none is held."""
        if not asked.quote.gifts:
            return None
        async with self._database.read() as transaction:
            expires_at = transaction.now + PAYABLE_FOR + SLACK
        return await self._gifts.hold(asked.order_id, asked.quote, expires_at)

    async def let_go(self, asked: NotHeld) -> None:
        """The order was not made after all."""
        await self._let_go_of_points(asked.order_id, asked.quote, asked.payer_id)
        await self._gifts.let_go(asked.order_id, asked.quote)
        await self._let_go(asked, asked.quote.offers)

    async def let_go_of_price(self, *, order_id: str, quote_id: str, payer_id: str | None) -> None:
        """The order of that payer will not be made of this price, but may be of another, which may take off another
        amount, and be paid for with other points.
        """
        async with self._database.read() as transaction:
            found = await queries.quotes(transaction.connection, [place_of("quote", quote_id)])
            prices = [decoded(row.body) for row in found.values()]
            keys = [key_of(order_id, price, one) for price in prices for one in price.offers]
            held = await reserved(transaction.connection, keys, lanes=self._lanes)
        for price in prices:
            await self._gifts.let_go(order_id, price)
            await self._let_go_of_points(order_id, price, payer_id)
        for key in held:
            await self._release.submit(key)

    async def _let_go_of_points(self, order_id: str, quote: StoredQuote, payer_id: str | None) -> None:
        if quote.points_spent and payer_id:
            await self._rewarding.let_go(order_id=order_id, payer_id=payer_id, carrier_id=quote.carrier_id)

    async def _let_go(self, asked: NotHeld, held: Sequence[StoredOffer]) -> None:
        for one in held:
            await self._release.submit(key_of(asked.order_id, asked.quote, one))

    async def _reserved(
        self, connection: Connection, asked: Sequence[tuple[NotHeld, StoredOffer]], now: datetime
    ) -> list[Reason | None]:
        snapshot = await self._catalogue.current(connection)
        wanted = [self._wanted(item, one, snapshot, now) for item, one in asked]
        return await offers.reserve(connection, wanted, now, lanes=self._lanes)

    async def _released(self, connection: Connection, keys: Sequence[ReservationKey], now: datetime) -> list[None]:
        await offers.release(connection, keys, now, lanes=self._lanes)
        return [None] * len(keys)

    def _wanted(self, asked: NotHeld, one: StoredOffer, snapshot: Snapshot, now: datetime) -> Wanted:
        quote = asked.quote
        campaign = _campaign(quote, one, snapshot)
        persons = persons_of(self._keys, e164=quote.msisdn, payer_id=asked.payer_id)
        return Wanted(
            campaign=CampaignKey(quote.carrier_id, one.campaign),
            order_id=asked.order_id,
            off_minor=one.off_minor,
            limits=limits_of(campaign),
            day=quote.created_at.astimezone(ZoneInfo(quote.zone)).date(),
            expires_at=now + PAYABLE_FOR + SLACK,
            # Who is signed in may be another than who asked for the price: neither has it beyond their limit.
            persons=tuple(dict.fromkeys((*quote.persons, *persons))),
            code=one.code,
            code_uses=campaign.coupon.most_uses if campaign.coupon else None,
        )

    async def follow(self, limit: int = AT_ONCE) -> int:
        """Bring what is held to where its orders are; how many orders that were. One that cannot be is put off."""
        return await self._following.follow(limit)

    async def _bring(self, marked: Sequence[Row]) -> None:
        async with self._database.read() as transaction:
            due = await _due(transaction.connection, [(lane, identifier) for lane, identifier, *_ in marked])
        async with self._database.transaction() as transaction:
            await self._move(transaction.connection, due, transaction.now)
            crash_point(_BEFORE_MOVE)
        crash_point(_AFTER_MOVE)
        gifted = [Gifted(one.order, one.quote) for one in due if one.quote.gifts]
        back = await self._gifts.follow(gifted) if gifted else set()
        async with self._database.transaction() as transaction:
            await self._following.lock(transaction.connection, marked)
            later = await gone_on(transaction.connection, gifted, back)
            # An order that has moved on meanwhile stays due.
            rows = [row for row in marked if row[1] not in later]
            await self._following.done(transaction.connection, rows, transaction.now)
            crash_point(_BEFORE_NOTE)
        crash_point(_AFTER_NOTE)

    async def _move(self, connection: Connection, due: Sequence[_Due], now: datetime) -> None:
        of: defaultdict[OrderState, list[_Due]] = defaultdict(list)
        for one in due:
            of[one.order.state].append(one)
        # All at once, for each step below would lock its own in an order that others do not keep.
        await locked(connection, [key.campaign for one in due for key in one.keys], lanes=self._lanes)
        used = [one for state in USED for one in of[state]]
        back = of[OrderState.REFUNDED]
        # What goes back was used before, whoever had not noted that yet: so nobody can use it afterwards.
        settled = [key for one in (*used, *back) for key in one.keys]
        beyond = set(await offers.settle(connection, settled, now, lanes=self._lanes))
        gone = [key for one in back for key in one.keys]
        await offers.give_back(connection, gone, now, lanes=self._lanes)
        free = [key for state in LET_GO for one in of[state] for key in one.keys]
        await offers.release(connection, free, now, lanes=self._lanes)
        waiting = of[OrderState.AWAITING_PAYMENT]
        longer = {key: one.order.expires_at + SLACK for one in waiting for key in one.keys}
        await offers.prolong(connection, longer, now, lanes=self._lanes)
        # In the campaign's lane, with what it tells of.
        told = [(one, key) for one in used for key in one.keys if key in beyond]
        await list_for_person(connection, [_decision(one, key, lanes=self._lanes) for one, key in told], now)


async def _due(connection: Connection, places: Sequence[Place]) -> list[_Due]:
    orders = await queries.orders(connection, places)
    quotes = await queries.quotes(connection, [(order.lane, order.quote_id) for order in orders.values()])
    return [_Due(order, decoded(quotes[order.quote_id].body)) for order in orders.values()]


def _campaign(quote: StoredQuote, one: StoredOffer, snapshot: Snapshot) -> Campaign:
    """The campaign as it was when it was quoted."""
    version = snapshot.version(quote.carrier_id, quote.catalogue_version)
    if version is None:
        raise LookupError(f"version {quote.catalogue_version} of {quote.carrier_id} was quoted")
    return next(campaign for campaign in version.document.campaigns if campaign.id == one.campaign)


def _decision(due: _Due, key: ReservationKey, *, lanes: int) -> Decision:
    offer = next(one for one in due.quote.offers if one.campaign == key.campaign.campaign_id)
    evidence = {
        "order": due.order.id,
        "campaign": offer.campaign,
        "carrier": due.quote.carrier_id,
        "off_minor": offer.off_minor,
        "currency": due.quote.currency,
    }
    return Decision(key.campaign.lane(lanes), BEYOND, f"{due.order.id}:{offer.campaign}", evidence)
