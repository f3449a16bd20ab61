"""Who holds what a price lacks: orders that are not paid yet, until when, and which of them are the reader's own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Generic, TypeVar

from topup.offers import queries
from topup.offers.answers import CodeVerdict, Moment, Reason, Verdict
from topup.offers.book import Entry
from topup.offers.choosing import choose
from topup.offers.contending import Ranks
from topup.offers.counting import CampaignKey, person_scope
from topup.offers.facts import Asking
from topup.offers.judging import why_not
from topup.offers.queries import Holder
from topup.orders.queries import place_of
from topup.orders.states import OrderState
from topup.platform.arrays import columns
from topup.platform.database import Connection

Scope = tuple[CampaignKey, str]
Of = TypeVar("Of", Verdict, CodeVerdict)

_USED: Final = {Reason.CODE_HELD: Reason.CODE_USED_UP, Reason.PERSON_HELD: Reason.PERSON_LIMIT}
LACKED: Final = frozenset({Reason.PERSON_HELD, Reason.NO_GIFT})
"""What a price is told that it would have, did somebody else not."""
_UNPAID: Final = [one.value for one in (OrderState.AWAITING_PAYMENT, OrderState.EXPIRED, OrderState.CANCELLED)]
_PAID: Final = """
SELECT o.id FROM unnest(%b::smallint[], %b::text[]) AS k (lane, id)
JOIN orders.orders AS o ON o.lane = k.lane AND o.id = k.id WHERE o.state <> ALL (%b)
"""
_OWN: Final = """
SELECT o.id FROM unnest(%b::smallint[], %b::text[]) AS k (lane, id)
JOIN orders.orders AS o ON o.lane = k.lane AND o.id = k.id
WHERE o.payer_id = %b AND o.state = 'awaiting_payment'
"""


@dataclass(frozen=True, slots=True)
class Told(Generic[Of]):
    """A verdict with until when what it lacks is held, and the ids of the orders that hold it."""

    verdict: Of
    holders: tuple[str, ...] = ()


def missed(ranks: Ranks, asking: Asking) -> list[Verdict]:
    """The campaigns without a code that would count in this price, did orders that are not paid yet not hold all that
    one person may have of them, or had the shop the gift.
    """
    lifted = {
        name: replace(used, person=used.person - used.person_held, person_held=0) if used.person_held else used
        for name, used in asking.uses.items()
    }
    gifts = asking.gifts or {}
    short = any(
        gifts.get(source, 0) < most
        for source, most in ranks.book.gifts.items()
        if ("sent_gifts" if source[0] else "gifts") not in asking.without
    )
    if lifted == asking.uses and not short:
        return []
    supposed = replace(asking, uses=lifted, gifts=None)
    offer = choose(ranks.book, supposed, among=ranks.contenders(supposed))
    counting = {one.campaign.id for one in offer.applied if one.campaign.coupon is None}
    return [told for entry in ranks.book.entries if entry.campaign.id in counting for told in _held(entry, asking)]


def _held(entry: Entry, asking: Asking) -> list[Verdict]:
    why = why_not(entry, asking, None)
    if why is None or why[0] not in LACKED:
        return []
    return [Verdict(entry.campaign.id, entry.campaign.names, *why)]


def scopes_of(
    verdict: Verdict | CodeVerdict, *, carrier_id: str, code: str | None, persons: Sequence[str]
) -> list[Scope]:
    """Where that is counted which orders hold; nothing, where that is not what is against it."""
    if verdict.campaign_id is None:
        return []
    campaign = CampaignKey(carrier_id, verdict.campaign_id)
    if verdict.reason is Reason.CODE_HELD and code is not None:
        return [(campaign, code)]
    if verdict.reason is Reason.PERSON_HELD:
        return [(campaign, person_scope(one)) for one in persons]
    return []


@dataclass(frozen=True, slots=True)
class Held:
    """Who holds what is counted somewhere, whose orders are not paid, soonest over first; and where paid ones do, of
    which the campaigns have not heard yet.
    """

    unpaid: Mapping[Scope, Sequence[Holder]]
    paid: frozenset[Scope]


def told(verdict: Of, scopes: Sequence[Scope], held: Held, *, zone: str, now: datetime) -> Told[Of]:
    """The verdict with what is known of who holds what it lacks; that it is used, where their orders are paid."""
    some = [held.unpaid[scope] for scope in scopes if held.unpaid.get(scope)]
    if some:
        # Where it is held for several of the payer's pseudonyms, all of them must have it again.
        until = Moment(max(holders[0].until for holders in some), zone, now)
        by = dict.fromkeys(one.order_id for holders in some for one in holders)
        return Told(replace(verdict, parameters={**verdict.parameters, "until": until}), tuple(by))
    if held.paid.intersection(scopes):
        return Told(replace(verdict, reason=_USED[verdict.reason]))
    return Told(verdict)


async def holders(connection: Connection, scopes: Sequence[Scope], *, lanes: int) -> Held:
    """Who holds what is counted there; asks only where something is."""
    found = await queries.holders(connection, scopes, lanes=lanes) if scopes else {}
    places = [place_of("order", one.order_id) for some in found.values() for one in some]
    paid: set[str] = set()
    if places:
        cursor = await connection.execute(_PAID, (*columns(places), _UNPAID), binary=True)
        paid = {identifier for (identifier,) in await cursor.fetchall()}
    return Held(
        {scope: [one for one in some if one.order_id not in paid] for scope, some in found.items()},
        frozenset(scope for scope, some in found.items() if any(one.order_id in paid for one in some)),
    )


async def own_unpaid(connection: Connection, order_ids: Sequence[str], *, subscriber_id: str) -> set[str]:
    """Those of these orders that are the subscriber's own and wait for payment."""
    if not order_ids:
        return set()
    places = [place_of("order", one) for one in order_ids]
    cursor = await connection.execute(_OWN, (*columns(places), subscriber_id), binary=True)
    return {identifier for (identifier,) in await cursor.fetchall()}
