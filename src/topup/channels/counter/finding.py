"""One search box: a number, a SIM card, a document, an order, a pay code, a receipt or its QR. Each has its page."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from topup.channels.counter.booth import Booth, status_of
from topup.channels.counter.fullness import fullness
from topup.channels.counter.recognising import DOCUMENT, as_document
from topup.channels.counter.rendering import sealed
from topup.channels.counter.wording import Wording
from topup.kernel.errors import Conflict, Invalid, NotFound, Problem, Throttled
from topup.kernel.ids import is_id
from topup.kernel.msisdn import parse_msisdn
from topup.lines import registered
from topup.lines.cards.searching import by_card
from topup.orders import queries
from topup.orders.counter_sales import SaleView
from topup.orders.receipts import parse_receipt_number
from topup.people.id_checks import Shown
from topup.people.permissions import Permission
from topup.people.sessions import SignedIn
from topup.platform.web.forms import Form
from topup.platform.web.pages import Page, WebRequest, go_to
from topup.work import trail

_LATEST: Final = 12
_LONGEST: Final = 600
_IN_ADDRESS: Final = re.compile(r"/(orders|verify|pay)/([A-Za-z0-9_-]+)")
_PAY_CODE_DIGITS: Final = 10


@dataclass(frozen=True, slots=True)
class SaleRow:
    """A sale of this drawer, in words."""

    id: str
    at: str
    number: str
    total: str
    status: str
    state: str
    change: str
    open: bool


class FindingPages:
    """The counter's first page."""

    def __init__(self, booth: Booth) -> None:
        self._booth = booth

    async def first(self, request: WebRequest, who: SignedIn, form: Form, *, problem: Problem | None = None) -> Page:
        """The search box, and the sales of this drawer: those that are not done on top."""
        session = await self._booth.till(who)
        if session is None:
            return go_to("/counter/open")
        await self._booth.displays.clear(till=session.till)
        words = self._booth.words(request)
        sales = await self._booth.sales.of_session(session_id=session.id, limit=_LATEST)
        rows = [row_of(sale, words) for sale in sales if sale.order is not None]
        return self._booth.look.page(
            request,
            "first.html",
            who=who,
            place="sell",
            back="/counter",
            status=status_of(problem) if problem else 200,
            till=session.till,
            fullness=await fullness(self._booth, session),
            rows=sorted(rows, key=lambda row: not row.open),
            # A document's number does not stay on the screen.
            sought="" if as_document(form.one("q")) else form.one("q")[:40],
            mistake=words.problem(problem) if problem else None,
        )

    async def find(self, request: WebRequest, who: SignedIn, form: Form) -> Page:
        """To what was typed or scanned."""
        text = form.one("q")[:_LONGEST]
        try:
            documents = as_document(text)
            if documents:
                return await self._owned(request, who, form, documents)
            return go_to(await self._path(who, text))
        except (Invalid, NotFound, Conflict, Throttled) as problem:
            return await self.first(request, who, form, problem=problem)

    async def _path(self, who: SignedIn, text: str) -> str:
        """Raises NotFound nothing_found, and those of what it looks like."""
        found = await self._by_paper(who, text)
        if found:
            return found
        async with self._booth.database.read() as transaction:
            card = await by_card(transaction.connection, text)
        if card is not None:
            return f"/counter/lines/{sealed(self._booth.keyring, card.e164)}?found={card.taken_for}"
        plain = re.sub(r"[\s()-]", "", text)
        try:
            number = (await self._booth.desk.number(text=text)).msisdn
        except Invalid as problem:
            if len(plain) == _PAY_CODE_DIGITS and plain.isdigit():
                code = await self._booth.desk.elsewhere.find(text=plain, payer=who.id, address=None)
                return await self._continued(who, code.token)
            if problem.code == "number_not_served":
                raise
        else:
            return f"/counter/lines/{sealed(self._booth.keyring, number.e164)}"
        raise NotFound("nothing_found")

    async def _owned(self, request: WebRequest, who: SignedIn, form: Form, documents: list[Shown]) -> Page:
        """The lines that a document's holder is registered for; who asked is in the trail. Raises NotFound
        nothing_found; Throttled documents_too_many.
        """
        if not who.may(Permission.READ_LINES):
            raise NotFound("nothing_found")
        keyring = self._booth.keyring
        async with self._booth.database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            found = await registered.search(connection, possible=documents, by=who.id, now=now, keys=keyring)
            facts = {"too_many": True} if isinstance(found, Problem) else {"lines": [one.line.id for one in found]}
            await trail.write(
                connection, actor=who.id, action="counter.searched_document", subject=who.id, facts=facts, now=now
            )
        if isinstance(found, Problem):
            raise found
        if not found:
            return await self.first(request, who, form, problem=NotFound("nothing_found"))
        paths = [f"/counter/lines/{sealed(keyring, one.e164)}?found={DOCUMENT}" for one in found]
        if len(found) == 1:
            return go_to(paths[0])
        lines = [(path, parse_msisdn(one.e164).masked()) for path, one in zip(paths, found, strict=True)]
        return self._booth.look.page(request, "owned.html", who=who, place="sell", back="/counter", lines=lines)

    async def _by_paper(self, who: SignedIn, text: str) -> str:
        """An order or a receipt by its number, or by the address in a QR; empty where it is none of them."""
        if is_id("order", text):
            return await self._order(text)
        receipt = parse_receipt_number(text)
        if receipt is not None:
            return await self._receipt(*receipt)
        in_address = _IN_ADDRESS.search(_path_in(text))
        if in_address is None:
            return ""
        kind, value = in_address.groups()
        if kind == "verify":
            proven = await self._booth.desk.verify_receipt(token=value)
            place = parse_receipt_number(proven.number) if proven.number else None
            if not proven.genuine or place is None:
                raise NotFound("nothing_found")
            return await self._receipt(*place)
        return await self._order(value) if kind == "orders" else await self._continued(who, value)

    async def _continued(self, who: SignedIn, token: str) -> str:
        """An order that was made elsewhere, to be paid here: a sale of this drawer from now on. Raises Conflict
        till_first, order_not_payable; NotFound pay_code_unknown.
        """
        session = await self._booth.own_till(who)
        payable = self._booth.desk.elsewhere.open(token=token)
        if not await self._booth.desk.elsewhere.live(until=payable.until):
            raise NotFound("pay_code_unknown")
        order = await self._booth.desk.get_order(order_id=payable.order_id)
        await self._booth.sales.begin(quote_id=order.quote_id, session=session, by=who.id, continued=True)
        return f"/counter/sales/{order.quote_id}"

    async def _order(self, order_id: str) -> str:
        order = await self._booth.desk.get_order(order_id=order_id)
        return f"/counter/orders/{order.id}"

    async def _receipt(self, lane: int, year: int, number: int) -> str:
        async with self._booth.database.read() as transaction:
            row = await queries.receipt_numbered(transaction.connection, lane=lane, year=year, number=number)
        if row is None:
            raise NotFound("nothing_found")
        return f"/counter/orders/{row.order_id}"


def _path_in(text: str) -> str:
    """The path of an address; empty for what is none."""
    try:
        return urlsplit(text).path if "/" in text else ""
    except ValueError:
        return ""


def row_of(sale: SaleView, words: Wording) -> SaleRow:
    """A sale in words. Its number is masked: the list stays open while other customers look on."""
    status = sale.order.status if sale.order else "quoted"
    change = sale.change
    return SaleRow(
        id=sale.sale.quote_id,
        at=words.clock(sale.sale.at),
        number=sale.quote.msisdn.masked(),
        total=words.money(sale.order.total if sale.order else sale.quote.total),
        status=words.status(status),
        state=status,
        change=words.text("took_and_gave", took=words.money(sale.tendered), gave=words.money(change))
        if change is not None and sale.tendered is not None
        else "",
        open=sale.open,
    )
