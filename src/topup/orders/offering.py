"""What offers make of prices: the facts their choice goes by, as far as they are honestly known here, and the choice.

A payer is who tops up this number, and who is signed in: neither costs nothing to be. Whether they topped up before is
known of both by the orders there are. Points are earned and spent by who is signed in. Gifts come with what is sold at
a counter, out of the stock of its shop, or are sent out of that of the place their campaign names; what is given
besides, only to lines of our own network, which the ledger can give it to.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Final

from topup.catalogue.pricing import Priced, with_offers
from topup.catalogue.versions import CarrierVersion
from topup.kernel.errors import Problem, Throttled
from topup.offers import guesses, queries
from topup.offers.answers import CodeVerdict, Offer, Reason, Verdict
from topup.offers.choosing import choose
from topup.offers.contending import RankedBooks, Ranks
from topup.offers.counting import CampaignKey
from topup.offers.facts import Asking, Given, normalised
from topup.offers.points.postings import AccountKey
from topup.offers.points.queries import usable
from topup.offers.queries import Known, Look, Typed
from topup.offers.wording import reason_words
from topup.orders.holding import LACKED, Scope, Told, holders, missed, scopes_of, told
from topup.orders.offer_views import LONGEST_CODE
from topup.orders.offered_gifts import gifts_of, pieces, spot_of
from topup.orders.purses import payer_marks, stored_points
from topup.orders.stored_offers import StoredCode, StoredGift, StoredHeld, StoredOffer, StoredPoints
from topup.platform.arrays import columns
from topup.platform.database import Connection
from topup.platform.guesses import NOBODY, Guesser
from topup.platform.i18n import LOCALES
from topup.platform.keys import KeyRing
from topup.shops.stock.gifts import Free, Spot, free

MOST_ENTERED: Final = 10
"""Codes that are looked at of those that are sent; how many of them count says `offers.facts.MOST_CODES`."""
_SHOWN_OF_OWN: Final = 4

_BY_NUMBER: Final = """
SELECT w.lane, w.msisdn FROM unnest(%b::smallint[], %b::text[]) AS w (lane, msisdn) WHERE EXISTS (
    SELECT FROM orders.orders o WHERE o.lane = w.lane AND o.msisdn = w.msisdn
        AND o.kept_payment_id IS NOT NULL AND o.state NOT IN ('refunding', 'refunded'))
"""
_BY_PERSON: Final = """
SELECT w.id FROM unnest(%b::text[]) AS w (id) WHERE EXISTS (
    SELECT FROM orders.orders o WHERE o.payer_id = w.id
        AND o.kept_payment_id IS NOT NULL AND o.state NOT IN ('refunding', 'refunded'))
"""


@dataclass(frozen=True, slots=True)
class Wish:
    """A price that offers may change: for which number, in whose lane, where and by whom it is asked for, with codes as
    they were typed. `shop`: the one whose counter asks, which may hand gifts over. `spend`: so many points at most are
    to pay for it.
    """

    carrier: CarrierVersion
    priced: Priced
    e164: str
    lane: int
    product: str | None
    channel: str
    coupons: tuple[str, ...] = ()
    payer_id: str | None = None
    guesser: Guesser = NOBODY
    shop: str | None = None
    spend: int = 0

    @property
    def purse(self) -> AccountKey | None:
        """Whose points it is about: those of who is signed in, with that carrier."""
        return AccountKey(self.payer_id, self.carrier.carrier_id) if self.payer_id else None

    @property
    def has_offers(self) -> bool:
        """Whether anything could come of looking at offers."""
        points = self.payer_id and self.carrier.document.offers.points
        return bool(self.coupons or self.carrier.document.campaigns or points)


@dataclass(frozen=True, slots=True)
class Offered:
    """The price with its offers, what is to be held of them for an order, for whom, what became of the codes, and what
    would count did an order that is not paid yet not hold it.
    """

    priced: Priced
    offers: tuple[StoredOffer, ...] = ()
    persons: tuple[str, ...] = ()
    codes: tuple[StoredCode, ...] = ()
    held: tuple[StoredHeld, ...] = ()
    gifts: tuple[StoredGift, ...] = ()
    points: StoredPoints | None = None


@dataclass(frozen=True, slots=True)
class _Chosen:
    """An offer, with what is told of its codes and of what it lacks."""

    offer: Offer
    codes: list[Told[CodeVerdict]]
    missed: list[Told[Verdict]]


def persons_of(keys: KeyRing, *, e164: str, payer_id: str | None) -> tuple[str, ...]:
    """Pseudonyms of who gets offers, by each key there was: of the number, and of who is signed in."""
    numbers = tuple(mark.hex() for mark in keys.marks(f"offers:number:{e164}"))
    return numbers + (payer_marks(keys, payer_id) if payer_id else ())


class Offering:
    """The choice among offers for the prices of this installation."""

    def __init__(self, *, keys: KeyRing, lanes: int) -> None:
        self._keys = keys
        self._lanes = lanes
        self._books = RankedBooks()

    async def choose(
        self, connection: Connection, wishes: Mapping[int, Wish], now: datetime
    ) -> dict[int, Offered | Problem]:
        """The best that is to be had for each; not there: neither campaigns nor codes nor points concern it. Throttled
        `coupons_guessed` for who entered too many codes that do not exist: then none is looked at.
        """
        wished = {name: wish for name, wish in wishes.items() if wish.has_offers}
        entered, found = await self._all_entered(connection, wished, now)
        concerned = {name: wish for name, wish in wished.items() if name not in found}
        if not concerned:
            return found
        known = await self._customers(connection, list(concerned.values()))
        stock = await self._stock(connection, list(concerned.values()))
        persons = {
            name: persons_of(self._keys, e164=wish.e164, payer_id=wish.payer_id) for name, wish in concerned.items()
        }
        purses = {wish.purse for wish in concerned.values() if wish.purse and wish.carrier.document.offers.points}
        points = await usable(connection, sorted(purses), now)
        askings = {
            name: _asking(wish, entered[name], now, before=_top_ups_before(wish, known), stock=stock, points=points)
            for name, wish in concerned.items()
        }
        askings = await self._with_uses(connection, concerned, askings, persons)
        chosen = await self._chosen(connection, concerned, askings, entered, persons)
        for name, wish in concerned.items():
            offered = self._offered(wish, chosen[name], entered[name], persons[name], now)
            gifts = gifts_of(chosen[name].offer, shop=wish.shop, zone=wish.carrier.zone, stock=stock, now=now)
            found[name] = replace(offered, gifts=gifts)
        return found

    async def _stock(self, connection: Connection, wishes: Sequence[Wish]) -> Mapping[Spot, Free]:
        """What the shops that ask, and the places that send, have free of what their carriers' campaigns give."""
        spots = (spot_of(source, wish.shop) for wish in wishes for source in self._ranks_of(wish).book.gifts)
        return await free(connection, {spot for spot in spots if spot})

    async def _chosen(
        self,
        connection: Connection,
        wishes: Mapping[int, Wish],
        askings: Mapping[int, Asking],
        entered: Mapping[int, Sequence[Known]],
        persons: Mapping[int, tuple[str, ...]],
    ) -> dict[int, _Chosen]:
        """The best for each, and until when what it lacks is held by others: a statement for all, where that is so."""
        offers = {name: self._best(wish, askings[name]) for name, wish in wishes.items()}
        lacks = {name: missed(self._ranks_of(wish), askings[name]) for name, wish in wishes.items()}
        scopes = {
            name: _lacking(wish, offers[name], lacks[name], entered[name], persons[name])
            for name, wish in wishes.items()
        }
        wanted = [one for of_one in scopes.values() for some in of_one for one in some]
        held = await holders(connection, wanted, lanes=self._lanes)
        chosen = {}
        for name, wish in wishes.items():
            offer, zone, now = offers[name], wish.carrier.document.time_zone, askings[name].now
            known = iter(scopes[name])
            codes = [told(one, next(known), held, zone=zone, now=now) for one in offer.codes]
            chosen[name] = _Chosen(
                offer, codes, [told(one, next(known), held, zone=zone, now=now) for one in lacks[name]]
            )
        return chosen

    def _best(self, wish: Wish, asking: Asking) -> Offer:
        ranks = self._ranks_of(wish)
        return choose(ranks.book, asking, among=ranks.contenders(asking))

    async def _with_uses(
        self,
        connection: Connection,
        wishes: Mapping[int, Wish],
        askings: Mapping[int, Asking],
        persons: Mapping[int, tuple[str, ...]],
    ) -> dict[int, Asking]:
        """Each with what is taken of the campaigns its choice hangs on: a few rounds of two statements for all."""
        told, ahead = dict(askings), 1
        while True:
            unknown = {name: self._ranks_of(wish).unknown(told[name], ahead=ahead) for name, wish in wishes.items()}
            looks = {
                name: Look(
                    [CampaignKey(wishes[name].carrier.carrier_id, campaign) for campaign in ids],
                    told[name].now.astimezone(wishes[name].carrier.zone).date(),
                    persons[name],
                )
                for name, ids in unknown.items()
                if ids
            }
            if not looks:
                return told
            used = await queries.uses_for(connection, list(looks.values()), lanes=self._lanes)
            for name, uses in zip(looks, used, strict=True):
                more = {key.campaign_id: taken for key, taken in uses.items()}
                told[name] = replace(told[name], uses={**told[name].uses, **more})
            ahead *= 2

    async def _all_entered(
        self, connection: Connection, wishes: Mapping[int, Wish], now: datetime
    ) -> tuple[dict[int, list[Known]], dict[int, Offered | Problem]]:
        """The codes of each, told one after another, as the wrong ones count; and who is answered no more. All that are
        entered are looked up in one statement.
        """
        entered: dict[int, list[Known]] = {name: [] for name in wishes}
        refused: dict[int, Offered | Problem] = {}
        coded = {name: wish for name, wish in wishes.items() if wish.coupons}
        # All are locked first, in one order for all who ask.
        out = await guesses.shut_out(connection, [wish.guesser for wish in coded.values()], now)
        asked = {name: wish for name, wish in coded.items() if wish.guesser not in out}
        known = await self._known(connection, asked, now)
        for name, wish in coded.items():
            if await guesses.shut_out(connection, [wish.guesser], now):
                refused[name] = Throttled("coupons_guessed", retry_after_s=guesses.RETRY_AFTER_S)
                continue
            entered[name] = known[name]
            for one in entered[name]:
                if one.scope is None:
                    await guesses.count(connection, wish.guesser, now)
        return entered, refused

    def _ranks_of(self, wish: Wish) -> Ranks:
        return self._books.of(wish.carrier)

    async def _known(self, connection: Connection, wishes: Mapping[int, Wish], now: datetime) -> dict[int, list[Known]]:
        """What is known of the codes of each."""
        typed = [
            Typed(code, wish.carrier.carrier_id, self._ranks_of(wish).book.of_code(code))
            for wish in wishes.values()
            for code in map(normalised, wish.coupons)
        ]
        known = iter(await queries.codes(connection, typed, now, keys=self._keys, lanes=self._lanes))
        return {name: [next(known) for _ in wish.coupons] for name, wish in wishes.items()}

    async def _customers(self, connection: Connection, wishes: Sequence[Wish]) -> set[object]:
        """The places and subscribers among these that have a top-up that was paid and did not go back."""
        asked = [wish for wish in wishes if any(one.customers != "all" for one in wish.carrier.document.campaigns)]
        if not asked:
            return set()
        numbers = sorted({(wish.lane, wish.e164) for wish in asked})
        cursor = await connection.execute(_BY_NUMBER, columns(numbers))
        known: set[object] = {(lane, e164) for lane, e164 in await cursor.fetchall()}
        people = sorted({wish.payer_id for wish in asked if wish.payer_id})
        if people:
            cursor = await connection.execute(_BY_PERSON, (people,))
            known |= {identifier for (identifier,) in await cursor.fetchall()}
        return known

    def _offered(
        self, wish: Wish, chosen: _Chosen, entered: Sequence[Known], persons: tuple[str, ...], now: datetime
    ) -> Offered:
        scopes, offer = {one.fact.text: one.scope for one in entered}, chosen.offer
        return Offered(
            priced=with_offers(wish.carrier, wish.priced, lines=offer.lines, grants=offer.grants, now=now),
            offers=tuple(
                StoredOffer(
                    one.campaign.id, one.off_minor, dict(one.campaign.names), scopes[one.code] if one.code else None
                )
                for one in offer.applied
            ),
            persons=persons,
            codes=tuple(self._stored(verdict, one) for verdict, one in zip(chosen.codes, entered, strict=True)),
            held=tuple(_stored_held(one) for one in chosen.missed if one.verdict.reason in LACKED),
            points=stored_points(self._keys, wish.purse, offer, asked=wish.spend),
        )

    def _stored(self, told: Told[CodeVerdict], entered: Known) -> StoredCode:
        verdict = told.verdict
        return StoredCode(
            _shown(verdict.code, entered),
            verdict.reason.value,
            _said(verdict),
            dict(verdict.names) if verdict.names else None,
            self._keys.seal(verdict.code.encode(), SEALED),
            list(told.holders),
        )


SEALED: Final = "coupon"
"""What a code in a quote is bound to."""


def _lacking(
    wish: Wish, offer: Offer, missing: Sequence[Verdict], entered: Sequence[Known], persons: Sequence[str]
) -> list[list[Scope]]:
    """Where that is counted which the codes lack, each in turn, and then the campaigns that are missing."""
    find = partial(scopes_of, carrier_id=wish.carrier.carrier_id, persons=persons)
    coded = [find(one, code=known.scope) for one, known in zip(offer.codes, entered, strict=True)]
    return [*coded, *(find(one, code=None) for one in missing)]


def _stored_held(told: Told[Verdict]) -> StoredHeld:
    verdict = told.verdict
    return StoredHeld(
        verdict.campaign_id, verdict.reason.value, _said(verdict), dict(verdict.names), list(told.holders)
    )


def _said(verdict: Verdict | CodeVerdict) -> dict[str, str]:
    return {locale: reason_words(verdict, locale=locale) for locale in LOCALES}


def _shown(code: str, entered: Known) -> str:
    """A code as it is shown again: only its end where it was made for somebody. What is none is shown as it was typed,
    so that the mistake is seen.
    """
    return f"…{code[-_SHOWN_OF_OWN:]}" if entered.fact.made else code


def _asking(
    wish: Wish,
    entered: Sequence[Known],
    now: datetime,
    *,
    before: int | None,
    stock: Mapping[Spot, Free],
    points: Mapping[AccountKey, int],
) -> Asking:
    """With nothing known yet of what is taken."""
    without: set[Given] = set() if wish.purse else {"points"}
    without |= set() if wish.carrier.is_own_network else {"grants"}
    without |= set() if wish.shop else {"gifts"}
    return Asking(
        price=wish.priced.total_before_fee,
        product=wish.product,
        channel=wish.channel,
        now=now,
        top_ups_before=before,
        codes=tuple(one.fact for one in entered),
        points=points.get(wish.purse, 0) if wish.purse else 0,
        spend=wish.spend,
        gifts=pieces(stock, wish.shop),
        without=frozenset(without),
    )


def _top_ups_before(wish: Wish, known: set[object]) -> int:
    return int((wish.lane, wish.e164) in known or wish.payer_id in known)


def coupons_of(codes: Sequence[StoredCode], keys: KeyRing) -> tuple[str, ...]:
    """The codes that were entered for a price and exist, to ask for it anew: wrong ones would count once more."""
    known = (one for one in codes if one.reason != Reason.CODE_UNKNOWN)
    return tuple(keys.unseal(one.sealed, SEALED).decode() for one in known)


def entered(texts: Sequence[str]) -> tuple[str, ...]:
    """The codes that were typed, without empty ones and repetitions, as many and as long as are looked at."""
    found = dict.fromkeys(normalised(text)[:LONGEST_CODE] for text in texts)
    return tuple(code for code in found if code)[:MOST_ENTERED]
