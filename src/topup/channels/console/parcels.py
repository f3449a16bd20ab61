"""Gifts to send: what is to be packed, where to, that it left, and what comes back of it."""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from topup.channels.console.rendering import Look, asked, asked_of, wording_of
from topup.channels.console.wording import Wording
from topup.kernel.errors import Conflict, Invalid, Problem
from topup.orders.parcels import LONGEST_TRACKING, Sending
from topup.orders.wording import fetched_by_words, gift_state_words, gift_words, name_in
from topup.people.permissions import Permission
from topup.people.postal import PostalAddress
from topup.people.sessions import SignedIn
from topup.platform.database import Database
from topup.platform.i18n import translate
from topup.platform.web.forms import Form
from topup.platform.web.pages import Page, WebRequest, go_to
from topup.shops.places import Directory
from topup.shops.queries import Directories
from topup.shops.stock import parcels
from topup.shops.stock.gift_states import KEPT_BACK, GiftState
from topup.shops.stock.gifts import Gift, GiftKey
from topup.shops.stock.handing_over import HandingOver
from topup.shops.stock.parcels import MOST_PAGES, PAGE, Standing

PATH: Final = "/console/gifts"
_DOMAIN: Final = "parcels"
_WRONG: Final = (Invalid, Conflict)


@dataclass(frozen=True, slots=True)
class Row:
    """A gift that is sent, in words; never where to. `when`: since when it waits, until when an address is awaited, or
    when it was sent.
    """

    order: str
    sku: str
    what: str
    place: str
    state: str
    when: str
    tracking: str


class ParcelPages:
    """The list, and each of them."""

    def __init__(self, *, look: Look, database: Database, sending: Sending, lanes: int) -> None:
        self._look = look
        self._database = database
        self._sending = sending
        self._handing_over = HandingOver(database=database, lanes=lanes)
        self._directories = Directories()

    async def listed(self, request: WebRequest, who: SignedIn, form: Form) -> Page:  # noqa: ARG002 - a page like the others
        """Those that are to be sent, who waits longest first; others where they are asked for."""
        standing = Standing(asked_of(request, "state", set(Standing)) or Standing.TO_SEND)
        place, page = asked(request, "place"), _page_of(asked(request, "page"))
        async with self._database.read() as transaction:
            connection = transaction.connection
            found = await parcels.listed(connection, standing, place=place, page=page)
            counts = await parcels.counts(connection, place=place)
            places = await parcels.places(connection)
            directory = await self._directories.current(connection)
        wording = wording_of(request, self._look.zone)
        say = partial(translate, wording.locale, _DOMAIN)
        return self._look.page(
            request,
            "parcels.html",
            who=who,
            place="gifts",
            p=say,
            rows=[_row(one, directory, wording) for one in found[:PAGE]],
            states=[(one.value, say(f"standing.{one}"), counts.get(one)) for one in Standing],
            state=standing.value,
            places=[(one, _place(one, directory, wording)) for one in places],
            at=place,
            page_number=page,
            more=len(found) > PAGE and page < MOST_PAGES,
            when=say(f"when.{standing}"),
        )

    async def one(self, request: WebRequest, who: SignedIn, form: Form, order_id: str, sku: str) -> Page:
        """One of them, without its address."""
        return await self._sheet(request, who, form, GiftKey(order_id, sku))

    async def address(self, request: WebRequest, who: SignedIn, form: Form, order_id: str, sku: str) -> Page:
        """The same with where to send it, as a paper to put on it; who looked is in the trail."""
        key = GiftKey(order_id, sku)
        try:
            address = await self._sending.look(key, by=who.id)
        except _WRONG as problem:
            return await self._sheet(request, who, form, key, problem=problem)
        return await self._sheet(request, who, form, key, address=address)

    async def sent(self, request: WebRequest, who: SignedIn, form: Form, order_id: str, sku: str) -> Page:
        """It left."""
        key = GiftKey(order_id, sku)
        deed = self._sending.send(key, by=who.id, tracking=form.one("tracking"))
        return await self._done(request, who, form, key, deed)

    async def returned(self, request: WebRequest, who: SignedIn, form: Form, order_id: str, sku: str) -> Page:
        """It came back, to where it was sent from."""
        key = GiftKey(order_id, sku)
        return await self._done(request, who, form, key, self._back(key, who, is_here=True))

    async def kept(self, request: WebRequest, who: SignedIn, form: Form, order_id: str, sku: str) -> Page:
        """The customer keeps it."""
        key = GiftKey(order_id, sku)
        return await self._done(request, who, form, key, self._back(key, who, is_here=False))

    async def _back(self, key: GiftKey, who: SignedIn, *, is_here: bool) -> None:
        gift = await self._sending.gift(key)
        decide = self._handing_over.take_back if is_here else self._handing_over.leave
        await decide(key, place=gift.place, by=who.id)

    async def _done(self, request: WebRequest, who: SignedIn, form: Form, key: GiftKey, deed: Awaitable[None]) -> Page:
        try:
            await deed
        except _WRONG as problem:
            return await self._sheet(request, who, form, key, problem=problem)
        return go_to(f"{PATH}/{key.order_id}/{key.sku}")

    async def _sheet(
        self,
        request: WebRequest,
        who: SignedIn,
        form: Form,
        key: GiftKey,
        *,
        problem: Problem | None = None,
        address: PostalAddress | None = None,
    ) -> Page:
        gift = await self._sending.gift(key)
        async with self._database.read() as transaction:
            directory = await self._directories.current(transaction.connection)
        wording = wording_of(request, self._look.zone)
        has_address = gift.addressed_at is not None
        return self._look.page(
            request,
            "parcel.html",
            who=who,
            place="gifts",
            status=422 if problem else 200,
            p=partial(translate, wording.locale, _DOMAIN),
            row=_row(gift, directory, wording),
            facts=_facts(gift, wording),
            label=address.label if address else (),
            can_look=has_address and address is None,
            can_send=gift.state in KEPT_BACK and has_address,
            can_take_back=gift.state is GiftState.ASKED_BACK,
            may_see_order=who.may(Permission.SEARCH_RECORDS),
            tracking=form.one("tracking"),
            longest=LONGEST_TRACKING,
            mistake=wording.problem(problem, who=who) if problem else None,
        )


def _page_of(text: str) -> int:
    return min(int(text), MOST_PAGES) if text.isascii() and text.isdigit() and int(text) else 1


def _row(gift: Gift, directory: Directory, wording: Wording) -> Row:
    return Row(
        order=gift.key.order_id,
        sku=gift.key.sku,
        what=gift_words(gift.names, gift.quantity, locale=wording.locale),
        place=_place(gift.place, directory, wording),
        state=state_words(gift, wording),
        when=wording.moment(_when(gift)),
        tracking=gift.tracking,
    )


def _when(gift: Gift) -> datetime:
    """Since when it waits, until when somebody may say where to, or when it left or was asked back."""
    if gift.state in KEPT_BACK:
        return gift.addressed_at or gift.until
    return gift.since or gift.until


def state_words(gift: Gift, wording: Wording) -> str:
    """How a gift that is sent stands."""
    if gift.state in KEPT_BACK:
        standing = Standing.ADDRESS_WANTED if gift.addressed_at is None else Standing.TO_SEND
        return translate(wording.locale, _DOMAIN, f"standing.{standing}")
    return gift_state_words(gift.state, locale=wording.locale, is_sent=True)


def _facts(gift: Gift, wording: Wording) -> Sequence[tuple[str, str]]:
    say = partial(translate, wording.locale, _DOMAIN)
    day = fetched_by_words(gift.until, zone=wording.zone, locale=wording.locale)
    found = [(say("until"), day if gift.state in KEPT_BACK and gift.addressed_at is None else "")]
    found += [(say("given"), wording.moment(gift.addressed_at) if gift.addressed_at else "")]
    changed = gift.changed_at if gift.addressed_at and gift.changed_at and gift.changed_at > gift.addressed_at else None
    found += [(say("changed"), wording.moment(changed) if changed else "")]
    found += [(say("since"), wording.moment(gift.since) if gift.since and gift.state not in KEPT_BACK else "")]
    found += [(say("tracking"), gift.tracking)]
    return [(name, value) for name, value in found if value]


def _place(place: str, directory: Directory, wording: Wording) -> str:
    found = directory.place(place)
    return name_in(found.names, locale=wording.locale) if found else place
