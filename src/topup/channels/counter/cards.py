"""Selling voucher cards over the counter: scan one, take its price, hand it over. From then on it pays."""

from dataclasses import dataclass
from typing import Final

from topup.channels.counter.booth import Booth, status_of
from topup.channels.counter.fullness import check_room
from topup.kernel.errors import Conflict, Invalid, NotFound, Problem
from topup.payments.cash.records import Session
from topup.payments.vouchers.desk import VoucherDesk
from topup.payments.vouchers.queries import Voucher, voucher
from topup.payments.vouchers.states import VoucherState
from topup.people.sessions import SignedIn
from topup.platform.database import Transaction
from topup.platform.installation import installation
from topup.platform.request_keys import check_key
from topup.platform.web.forms import Form
from topup.platform.web.pages import Page, WebRequest
from topup.shops.stock import queries as stock

_LONGEST: Final = 40
_CARD: Final = "card"
_TO_BE_SOLD: Final = "batch"
"""The kind of batches whose cards are for sale; the others' vouchers are somebody's already."""
_WRONG = (Invalid, Conflict, NotFound)


@dataclass(frozen=True, slots=True)
class Scanned:
    """A card as it stands now, and whether it can be sold."""

    card: Voucher
    state: VoucherState
    sellable: bool


class CardPages:
    """A card from the scanner to the customer's hand."""

    def __init__(self, booth: Booth) -> None:
        self._booth = booth

    async def first(self, request: WebRequest, who: SignedIn, form: Form) -> Page:  # noqa: ARG002 - a page like the others
        """Scan a card."""
        return await self._shown(request, who, await self._booth.own_till(who))

    async def look(self, request: WebRequest, who: SignedIn, form: Form) -> Page:
        """What the card costs; nothing is sold yet."""
        session = await self._booth.own_till(who)
        serial = _serial(form)
        try:
            await check_room(self._booth, session)
            async with self._booth.database.read() as transaction:
                found = await _scanned(transaction, serial)
        except (NotFound, Conflict) as problem:
            return await self._shown(request, who, session, serial=serial, problem=problem)
        return await self._shown(request, who, session, serial=serial, found=found)

    async def sell(self, request: WebRequest, who: SignedIn, form: Form) -> Page:
        """The price is in the drawer: the card leaves the stock, and pays from now on."""
        session = await self._booth.own_till(who)
        serial = _serial(form)
        try:
            key = f"card:{check_key(form.one('form'))}"
            await self._check(serial, form.one("item"))
            await self._check_room(session, key)
            desk = await self._desk()
            batch = await desk.hand_over(
                serial=serial,
                shop=session.shop,
                sku=form.one("item"),
                by=who.id,
                till=session.till,
                key=key,
            )
        except _WRONG as problem:
            return await self._shown(request, who, session, serial=serial, problem=problem)
        words = self._booth.words(request)
        return await self._shown(request, who, session, sold=(serial, words.money(batch.face)))

    async def _shown(
        self,
        request: WebRequest,
        who: SignedIn,
        session: Session,
        *,
        serial: str = "",
        found: Scanned | None = None,
        sold: tuple[str, str] | None = None,
        problem: Problem | None = None,
    ) -> Page:
        words = self._booth.words(request)
        return self._booth.look.page(
            request,
            "cards.html",
            who=who,
            place="cards",
            back="/counter/cards",
            status=status_of(problem) if problem else 200,
            serial=serial,
            face=words.money(found.card.batch.face) if found else "",
            state=words.named("card_state", found.state.value) if found else "",
            sellable=found is not None and found.sellable,
            choices=await self._booth.in_stock(session, _CARD, words) if found and found.sellable else [],
            sold=sold,
            mistake=words.problem(problem) if problem else None,
        )

    async def _check(self, serial: str, sku: str) -> None:
        """That what is sold is a card, and called one. Raises NotFound voucher_unknown, stock_item_unknown."""
        async with self._booth.database.read() as transaction:
            found = await voucher(transaction.connection, serial)
            item = await stock.item(transaction.connection, sku)
        if found.batch.kind != _TO_BE_SOLD:
            raise NotFound("voucher_unknown")
        if item.kind != _CARD:
            raise NotFound("stock_item_unknown", sku=sku)

    async def _check_room(self, session: Session, key: str) -> None:
        """Raises Conflict drawer_full; not for what was sold already, which is told the same again."""
        async with self._booth.database.read() as transaction:
            sold = await stock.movement_under(transaction.connection, key)
        if sold is None:
            await check_room(self._booth, session)

    async def _desk(self) -> VoucherDesk:
        async with self._booth.database.read() as transaction:
            installed = await installation(transaction.connection)
        if installed is None:
            raise NotFound("route_unknown")
        return VoucherDesk(database=self._booth.database, keys=self._booth.keyring, lanes=installed.lanes)


async def _scanned(transaction: Transaction, serial: str) -> Scanned:
    """Raises NotFound voucher_unknown."""
    found = await voucher(transaction.connection, serial)
    batch = found.batch
    pays_as_a_whole = found.state is batch.state is VoucherState.ACTIVATED
    waits = found.state is VoucherState.EXPORTED or pays_as_a_whole
    over = transaction.now >= batch.valid_until
    gone = await stock.handed_over(transaction.connection, serial) is not None
    state = VoucherState.EXPIRED if waits and over else found.state
    return Scanned(found, state, waits and not over and not gone and batch.kind == _TO_BE_SOLD)


def _serial(form: Form) -> str:
    return form.one("serial").strip().upper()[:_LONGEST]
