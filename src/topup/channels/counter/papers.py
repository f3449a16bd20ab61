"""What the counter puts on paper: receipts and reports, by the till's printer or as PDF in the same form."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import msgspec
from litestar import Response

from topup.channels.counter.booth import Booth
from topup.channels.counter.drawing import ReportSheet, report_sheet
from topup.channels.counter.replacing import handed_over
from topup.channels.counter.tending import UNMASKED
from topup.kernel.errors import NotFound
from topup.orders.counter_sales import SaleView
from topup.orders.paper_pdf import render_paper
from topup.orders.papers import RECEIPT, Counter, Group, receipt_paper, report_paper
from topup.orders.receipt_sheet import Row
from topup.orders.views import ReceiptView
from topup.orders.wording import fetched_by_words, name_in
from topup.payments.cash.records import Session
from topup.people.sessions import SignedIn
from topup.platform.i18n import translate
from topup.platform.request_keys import check_key
from topup.platform.web.forms import Form
from topup.platform.web.pages import HEADERS, Page, WebRequest, go_to
from topup.shops.printing.desk import Wish
from topup.shops.printing.paper import Paper
from topup.shops.printing.states import PrintState
from topup.shops.stock import queries as stock
from topup.shops.stock.gift_states import KEPT_BACK
from topup.shops.stock.gifts import of_order
from topup.work import trail

REPORT: Final = "till_report"
SIM_SLIP: Final = "sim_slip"
"""The kinds of papers that are no receipts."""


_AT_THE_PRINTER_S: Final = 2.0
"""How long whoever pressed the button waits to be told how it went: the sale is done, and waits for nothing."""


@dataclass(frozen=True, slots=True)
class Printed:
    """What became of a paper, in words: as it should, or what is the matter and what to do."""

    text: str
    trouble: str
    what_to_do: str
    done: bool


async def printed_words(booth: Booth, order_id: str, locale: str) -> Printed | None:
    """What became of the last receipt of an order that was asked for; None where none was."""
    jobs = [job for job in await booth.printing.of(order_id) if job.kind == RECEIPT]
    if not jobs:
        return None
    job = jobs[-1]

    def text(message_id: str) -> str:
        return translate(locale, "printing", message_id)

    return Printed(
        text(f"state.{job.state}"),
        text(f"trouble.{job.reason}") if job.reason else "",
        text(f"trouble.{job.reason}.do") if job.reason else "",
        job.state is PrintState.PRINTED,
    )


class PaperPages:
    """Receipts and reports."""

    def __init__(self, booth: Booth) -> None:
        self._booth = booth

    async def receipt_pdf(self, request: WebRequest, who: SignedIn, form: Form, order_id: str) -> Page:  # noqa: ARG002 - a page like the others
        """A receipt in the form of the printer's paper, the number as `who` may read it. Raises as `Desk.receipt`."""
        return await self._as_pdf(order_id, whole=await self._knows_number(who, order_id))

    async def sale_pdf(self, request: WebRequest, who: SignedIn, form: Form, quote_id: str) -> Page:  # noqa: ARG002 - a page like the others
        """The receipt of a sale, whose page need not know its order's id. Raises as `Desk.receipt`."""
        return await self._as_pdf(await self._order_of(who, quote_id), whole=True)

    async def print_sale(self, request: WebRequest, who: SignedIn, form: Form, quote_id: str) -> Page:  # noqa: ARG002 - a page like the others
        """Print the receipt of a sale; once more, it is a copy that says so, in the trail."""
        await self._print(who, form, await self._order_of(who, quote_id), whole=True)
        return go_to(f"/counter/sales/{quote_id}")

    async def print_receipt(self, request: WebRequest, who: SignedIn, form: Form, order_id: str) -> Page:  # noqa: ARG002 - a page like the others
        """Print a receipt, with the number as `who` may read it; once more, it is a copy that says so, in the trail."""
        await self._print(who, form, order_id, whole=await self._knows_number(who, order_id))
        return go_to(f"/counter/orders/{order_id}")

    async def _knows_number(self, who: SignedIn, order_id: str) -> bool:
        """Whether the whole number of an order that was found is theirs to print: they sold it, or looked at it for a
        reason that is in the trail.
        """
        order = await self._booth.desk.get_order(order_id=order_id)
        try:
            if (await self._booth.sales.one(quote_id=order.quote_id)).sale.staff_id == who.id:
                return True
        except NotFound:
            pass  # sold elsewhere
        async with self._booth.database.read() as transaction:
            looks = await trail.entries(
                transaction.connection, subject=order.id, actor=who.id, action=UNMASKED, limit=1
            )
        return bool(looks)

    async def _as_pdf(self, order_id: str, *, whole: bool) -> Page:
        receipt = await self._booth.desk.receipt(order_id=order_id)
        paper = await self._receipt(order_id, whole=whole)
        return _pdf(await render_paper(paper, made=receipt.issued_at), receipt.number)

    async def _order_of(self, who: SignedIn, quote_id: str) -> str:
        sale = await self._booth.own_sale(who, quote_id)
        if sale.order is None:
            raise NotFound("order_unknown")
        return sale.order.id

    async def _print(self, who: SignedIn, form: Form, order_id: str, *, whole: bool) -> None:
        session = await self._booth.own_till(who)
        paper = await self._receipt(order_id, session, whole=whole)
        wish = Wish(session.till, RECEIPT, order_id, paper, who.id, check_key(form.one("form")))
        job = await self._booth.printing.reprint(wish, why=form.one("why"))
        await self._booth.printing.settled(job.id, timeout_s=_AT_THE_PRINTER_S)

    async def report_pdf(self, request: WebRequest, who: SignedIn, form: Form, session_id: str) -> Page:  # noqa: ARG002 - a page like the others
        """A report of a till in the form of the printer's paper."""
        words = self._booth.words(request)
        sheet = await report_sheet(self._booth, who, session_id, words)
        async with self._booth.database.read() as transaction:
            made = sheet.kept.session.closed_at or transaction.now
        return _pdf(await render_paper(_report(sheet, words.locale), made=made), session_id)

    async def print_report(self, request: WebRequest, who: SignedIn, form: Form, session_id: str) -> Page:
        """Print a report of a till at that till."""
        words = self._booth.words(request)
        sheet = await report_sheet(self._booth, who, session_id, words)
        paper = _report(sheet, words.locale)
        form_id = check_key(form.one("form"))
        # An X report is of this moment: the next is another one, and no copy.
        subject = session_id if sheet.kept.z_number is not None else f"{session_id}:{form_id}"
        wish = Wish(sheet.kept.session.till, REPORT, subject, paper, who.id, form_id)
        await self._booth.printing.reprint(wish)
        return go_to(f"/counter/reports/{session_id}")

    async def sim_slip(self, request: WebRequest, who: SignedIn, form: Form, use_id: str) -> Page:  # noqa: ARG002 - a page like the others
        """What says which SIM card was handed over, for the customer."""
        paper, made = await self._sim_slip(request, who, use_id)
        return _pdf(await render_paper(paper, made=made), use_id)

    async def print_sim_slip(self, request: WebRequest, who: SignedIn, form: Form, use_id: str) -> Page:
        """The same at the till's printer; once more, it is a copy that says so."""
        session = await self._booth.own_till(who)
        paper, _ = await self._sim_slip(request, who, use_id)
        wish = Wish(session.till, SIM_SLIP, use_id, paper, who.id, check_key(form.one("form")))
        job = await self._booth.printing.reprint(wish)
        await self._booth.printing.settled(job.id, timeout_s=_AT_THE_PRINTER_S)
        return go_to(f"/counter/sims/{use_id}")

    async def _sim_slip(self, request: WebRequest, who: SignedIn, use_id: str) -> tuple[Paper, datetime]:
        words = self._booth.words(request)
        handed = await handed_over(self._booth, who, use_id, words)
        groups = [Group("", [Row(one.label, one.value) for one in handed.rows])]
        return report_paper(title=words.text("sim_done"), lead=[], groups=groups, locale=words.locale), handed.at

    async def _receipt(self, order_id: str, session: Session | None = None, *, whole: bool) -> Paper:
        """The paper of a receipt. `session`: of the till whose drawer opens with it, if its cash went there. `whole`:
        with the whole number, and the order's id, which would lead to it.
        """
        receipt = await self._booth.desk.receipt(order_id=order_id)
        order = await self._booth.desk.get_order(order_id=order_id)
        try:
            sale: SaleView | None = await self._booth.sales.one(quote_id=order.quote_id)
        except NotFound:
            sale = None
        # In the language of who it is for, whoever prints it.
        locale, zone = order.locale, order.zone
        at = await self._at(sale, locale)
        url = f"{self._booth.public_url}{receipt.verify_path}"
        if sale is not None and sale.hides_number:
            receipt = _for_another(receipt)
        elif not whole:
            body = msgspec.structs.replace(receipt.body, hides_number=True, order_id="")
            receipt = replace(receipt, body=body)
        drawer = bool(sale and sale.taking and session and sale.taking.session_id == session.id)
        async with self._booth.database.read() as transaction:
            given = await stock.given_with(transaction.connection, order.id)
            promised = await of_order(transaction.connection, order.id)
        gifts = [(name_in(one.item.names, locale=locale), one.quantity) for one in given]
        waiting = [
            (name_in(one.names, locale=locale), one.quantity, fetched_by_words(one.until, zone=zone, locale=locale))
            for one in promised
            if one.state in KEPT_BACK and not one.is_sent
        ]
        parcels = [
            (name_in(one.names, locale=locale), one.quantity, fetched_by_words(one.until, zone=zone, locale=locale))
            for one in promised
            if one.state in KEPT_BACK and one.is_sent and one.addressed_at is None
        ]
        # The order's id is its payer's: only on a paper that has it anyway.
        order_url = f"{self._booth.public_url}/orders/{order.id}" if parcels and receipt.body.order_id else ""
        return receipt_paper(
            receipt,
            locale=locale,
            verify_url=url,
            at=at,
            gifts=gifts,
            waiting=waiting,
            parcels=parcels,
            order_url=order_url,
            drawer=drawer,
        )

    async def _at(self, sale: SaleView | None, locale: str) -> Counter | None:
        if sale is None:
            return None
        async with self._booth.database.read() as transaction:
            directory = await self._booth.directories.current(transaction.connection)
        place = directory.place(sale.sale.shop)
        name = (place.names.get(locale) or place.names["zh_Hans"]) if place else ""
        return Counter(name, sale.sale.till, sale.tendered, sale.change)


def _for_another(receipt: ReceiptView) -> ReceiptView:
    """The receipt for who paid an order of somebody else's: what they paid, not what came of it."""
    body = msgspec.structs.replace(receipt.body, hides_number=True, order_id="", grants=[])
    return replace(receipt, body=body)


def _report(sheet: ReportSheet, locale: str) -> Paper:
    lead = [f"{row.label}: {row.value}" for row in sheet.heads]
    groups = [Group("", [Row(row.label, row.value) for row in sheet.cash])]
    if sheet.sold:
        groups.append(Group("", [Row(row.label, row.value) for row in sheet.sold]))
    return report_paper(title=sheet.title, lead=lead, groups=groups, locale=locale)


def _pdf(content: bytes, name: str) -> Page:
    headers = HEADERS | {"Content-Disposition": f'inline; filename="{name}.pdf"'}
    return Response(content, media_type="application/pdf", headers=headers)
