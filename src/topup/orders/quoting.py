"""The part of the desk where prices are asked for and orders are made of them."""

import asyncio
from collections.abc import Sequence
from typing import Unpack, cast
from weakref import WeakValueDictionary

from topup.kernel.errors import Conflict, Problem, Unavailable
from topup.kernel.ids import OrderId
from topup.kernel.money import Money
from topup.kernel.msisdn import parse_msisdn
from topup.orders import queries
from topup.orders.attempting import Attempting
from topup.orders.offering import coupons_of, entered
from topup.orders.ordering import NewOrder, Ordering, OrderWanted, QuoteWanted
from topup.orders.promising import NotHeld, Promising
from topup.orders.queries import place_of
from topup.orders.quotes import decoded
from topup.orders.reading import Parts
from topup.orders.rewarding import Rewarding
from topup.orders.views import OrderView, QuoteView
from topup.people.contacts import parse_contact
from topup.people.operations import seal_contact
from topup.platform.batching import Batcher
from topup.platform.guesses import NOBODY, Guesser, guesser
from topup.platform.once import Asked, Key, Once
from topup.platform.request_keys import Stored

Made = OrderView | Stored


class Quoting(Attempting):
    """Prices, and the orders that are made of them."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._ordering = Ordering(
            catalogue=parts.catalogue,
            keys=parts.keys,
            lanes=parts.lanes,
            gateways=parts.gateways,
            networks=frozenset(parts.carriers),
        )
        self.rewarding = Rewarding(database=parts.database, catalogue=parts.catalogue, keys=parts.keys)
        self.promising = Promising(
            database=parts.database,
            catalogue=parts.catalogue,
            keys=parts.keys,
            lanes=parts.lanes,
            rewarding=self.rewarding,
        )
        self._quotes = Batcher(parts.database, "orders.quote", self._ordering.quote)
        self._orders = Batcher(parts.database, "orders.order", Once(self._ordering.order, lanes=parts.lanes))
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def quote(
        self,
        *,
        number: str,
        product: str | None,
        amount: Money | None,
        payment_method: str | None,
        sees_balance: bool = False,
        link: str | None = None,
        hides_number: bool = False,
        channel: str | None = None,
        coupons: Sequence[str] = (),
        payer_id: str | None = None,
        guessing: Guesser = NOBODY,
        shop: str | None = None,
        points: int = 0,
    ) -> QuoteView:
        """A signed price, valid 15 minutes. Raises as `number`, and product_or_amount, product_unknown,
        amount_not_offered, amount_too_small, amount_too_large, amount_above_cap, currency_wrong, method_unknown,
        number_cannot_be_topped_up. Who may see the line's balance (its owner, staff, a key for it: `sees_balance`) is
        told what it would make of what is bought now, or line_full, line_nearly_full. `link`: it is asked for through
        this one; with `hides_number` the number is the link's, and is shown masked from here to the receipt.

        `channel` is where it is asked for, one of `catalogue.campaigns.CHANNELS`: with the offers there are, and with
        `coupons` as they were typed. `payer_id` is the subscriber who is signed in, who pays with so many `points` of
        theirs at most, as far as the file's rules allow. Wrong codes are counted against `guessing` (see `guesser`):
        raises Throttled `coupons_guessed`. `shop`: whose counter asks, and whose stock the gifts come from.
        """
        wanted = QuoteWanted(
            parse_msisdn(number),
            product,
            amount,
            payment_method,
            sees_balance,
            link,
            hides_number,
            channel,
            entered(coupons),
            payer_id,
            guessing,
            shop,
            points,
        )
        return await self._quotes.submit(wanted)

    def guesser(self, *, payer: str | None, address: str | None) -> Guesser:
        """Whom wrong codes are counted against."""
        return guesser(payer=payer, address=address, keys=self._parts.keys)

    async def coupons(self, *, quote_id: str) -> tuple[str, ...]:
        """The codes that were entered for a price and exist, to ask for it anew. Empty where there is no such price."""
        place = place_of("quote", quote_id)
        async with self._parts.database.read() as transaction:
            found = await queries.quotes(transaction.connection, [place])
        return coupons_of(decoded(found[quote_id].body).codes, self._parts.keys) if found else ()

    async def order(self, **wanted: Unpack[NewOrder]) -> OrderView:
        """Make an order of a quote, in the quote's lane. Raises quote_unknown, quote_altered, quote_expired,
        quote_used, carrier_changed, number_cannot_be_topped_up, contact_unreadable, and confirmation_needed with the
        `confirmations` that are missing, and the `minutes` since a suspected duplicate of the caller's own: who that is
        says `payer`, which is kept as a pseudonym. With `sees_balance` also line_full, line_nearly_full, and every
        duplicate is told as one's own, unless it is a subscriber who sees it (`payer_id`). Where an offer of the price
        ran out since: offer_gone, with the `campaign` and the `reason`; where the payer's points are there no more:
        points_gone. Then the payer asks for a new price.
        """
        return cast("OrderView", await self._make(wanted, None))

    async def order_once(self, key: Key[OrderView], **wanted: Unpack[NewOrder]) -> OrderView | Stored:
        """The same, once for a caller's key: its answer again if it has one. Raises also key_reused and
        request_running.
        """
        return await self._make(wanted, key)

    async def _make(self, wanted: NewOrder, key: Key[OrderView] | None) -> Made:
        try:
            return cast("Made", await self._orders.submit(self._asked(wanted, key)))
        except NotHeld as asked:
            lock = self._turns.setdefault(asked.quote.id, asyncio.Lock())
            again = lock.locked()
            async with lock:
                return await self._make_held(asked, wanted, key, again=again)

    async def _make_held(self, asked: NotHeld, wanted: NewOrder, key: Key[OrderView] | None, *, again: bool) -> Made:
        """Hold the offers and make the order. `again`: the same price was being ordered by somebody else, or by another
        press of the same button.
        """
        if again:
            try:
                return cast("Made", await self._orders.submit(self._asked(wanted, key)))
            except NotHeld as still:
                asked = still
        try:
            await self.promising.hold(asked)
        except Conflict as gone:
            return await self._made_elsewhere(wanted, key, gone)
        try:
            made = await self._orders.submit(self._asked(wanted, key, held_for=asked.order_id))
        except Unavailable:
            # Nobody knows whether it was made. What is held for no order lapses.
            raise
        except Problem:
            await self.promising.let_go(asked)
            raise
        if not isinstance(made, OrderView) or made.id != asked.order_id:
            await self.promising.let_go(asked)
        return cast("Made", made)

    async def _made_elsewhere(self, wanted: NewOrder, key: Key[OrderView] | None, gone: Conflict) -> Made:
        """What another process made of this price meanwhile, for which it holds the offers; else raises `gone`."""
        try:
            return cast("Made", await self._orders.submit(self._asked(wanted, key)))
        except NotHeld:
            raise gone from None

    def _asked(
        self, wanted: NewOrder, key: Key[OrderView] | None, held_for: str | None = None
    ) -> Asked[OrderWanted, OrderView]:
        lane, _ = place_of("quote", wanted["quote_id"])
        contact = wanted["contact"]
        sealed = seal_contact(self._parts.keys, lane=lane, address=parse_contact(contact)) if contact else None
        payer = wanted.get("payer")
        mark = self._parts.keys.pseudonym(payer) if payer else None

        def make(order_id: str) -> OrderWanted:
            return OrderWanted(
                OrderId(order_id),
                wanted["quote_id"],
                sealed,
                wanted["confirmations"],
                wanted["locale"],
                wanted["channel"],
                wanted.get("sees_balance", False),
                mark,
                wanted.get("payer_id"),
                held_for == order_id,
            )

        return Asked(make, held_for or wanted["order_id"], key)
