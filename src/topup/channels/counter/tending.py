"""What is done for an order that was found: the number unmasked, money back, a complaint; and a card to be replaced."""

from dataclasses import dataclass
from typing import Final

from topup.care.desk import Written
from topup.care.states import Topic
from topup.channels.counter.booth import Booth, status_of
from topup.channels.counter.gift_rows import gift_rows
from topup.channels.counter.wording import PriceRow, Wording
from topup.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Problem, Throttled, Unauthenticated, Unavailable
from topup.kernel.ids import lane_of
from topup.orders.giving_back import REFUND, kept_payment
from topup.orders.views import OrderView
from topup.orders.wording import given_back_words, returned_words
from topup.payments.cash import records
from topup.payments.cash.records import PayBack
from topup.payments.terminal import charges
from topup.payments.terminal import records as card_records
from topup.payments.terminal.charges import METHOD as CARD
from topup.payments.terminal.records import CardBack
from topup.people import id_checks
from topup.people.sessions import SignedIn
from topup.platform.database import Transaction
from topup.platform.request_keys import check_key
from topup.platform.web.forms import Form
from topup.platform.web.pages import Page, WebRequest, go_to
from topup.work import trail
from topup.work.approvals import Wish, checked_reason

_WRONG = (Invalid, Conflict, NotFound, Forbidden, Unauthenticated, Throttled, Unavailable)
UNMASKED: Final = "counter.unmasked"
"""What the trail calls a look at a whole number."""
_TOPICS = (Topic.NOT_ARRIVED, Topic.WRONG_NUMBER, Topic.REFUND, Topic.OTHER)


@dataclass(frozen=True, slots=True)
class Back:
    """Cash that waits to be handed back."""

    id: str
    amount: str


class OrderPages:
    """An order at the counter, whoever made it."""

    def __init__(self, booth: Booth) -> None:
        self._booth = booth

    async def show(
        self,
        request: WebRequest,
        who: SignedIn,
        form: Form,
        order_id: str,
        *,
        problem: Problem | None = None,
        number: str = "",
        ticket: str = "",
    ) -> Page:
        """The order with its number masked, and what can be done for it."""
        order = await self._booth.desk.get_order(order_id=order_id)
        words = self._booth.words(request)
        return self._booth.look.page(
            request,
            "order.html",
            who=who,
            place="sell",
            back=f"/counter/orders/{order_id}",
            status=status_of(problem) if problem else 200,
            order_id=order_id,
            number=number or order.msisdn.masked(),
            unmasked=bool(number),
            carrier=words.name(order.carrier_names),
            facts=_facts(order, words),
            moneys=[*returned_words(order, locale=words.locale), *given_back_words(order, locale=words.locale)],
            given=await gift_rows(self._booth, order, await self._booth.till(who), words),
            receipt=order.receipt_number,
            delivered=order.status == "delivered",
            backs=[Back(one.id, words.minor(one.amount_minor, one.currency)) for one in await self._backs(order)],
            card_backs=[
                Back(one.id, words.minor(one.amount_minor, one.currency)) for one in await self._card_backs(order)
            ],
            terminals=await self._booth.terminals_of(await self._booth.till(who)),
            prints=bool(self._booth.printing.tills),
            documents=[(name, words.text(f"document.{name}")) for name in id_checks.DOCUMENTS],
            topics=[(topic.value, words.text(f"topic.{topic.value}")) for topic in _TOPICS],
            tickets=[one.reference for one in await self._booth.care.tickets_of(order_id)],
            ticket=ticket,
            filled={name: form.one(name) for name in ("reason", "amount", "text", "topic")},
            mistake=words.problem(problem) if problem else None,
        )

    async def unmask(self, request: WebRequest, who: SignedIn, form: Form, order_id: str) -> Page:
        """The whole number, this once; who looked, and why, is in the trail."""
        try:
            reason = _reason(form)
            order = await self._booth.desk.get_order(order_id=order_id)
            async with self._booth.database.transaction() as transaction:
                facts = {"reason": reason}
                await trail.write(
                    transaction.connection,
                    actor=who.id,
                    action=UNMASKED,
                    subject=order.id,
                    facts=facts,
                    now=transaction.now,
                )
        except _WRONG as problem:
            return await self.show(request, who, form, order_id, problem=problem)
        return await self.show(request, who, Form(), order_id, number=order.msisdn.grouped())

    async def ask_refund(self, request: WebRequest, who: SignedIn, form: Form, order_id: str) -> Page:
        """Ask that money go back: another decides, unless the limits let one alone."""
        try:
            async with self._booth.database.read() as transaction:
                payment_id = await kept_payment(transaction.connection, order_id)
            wish = Wish(REFUND, payment_id, {"amount": form.one("amount")}, form.one("reason"), form=form.one("form"))
            made = await self._booth.approvals.request(who, wish)
        except _WRONG as problem:
            return await self.show(request, who, form, order_id, problem=problem)
        return go_to(f"/console/approvals/{made.id}")

    async def hand_back(self, request: WebRequest, who: SignedIn, form: Form, order_id: str) -> Page:
        """Hand cash back that is to go back: after a look at the customer's document, by one's code again. What was
        handed back is no longer among what waits.
        """
        try:
            session = await self._booth.own_till(who)
            order = await self._booth.desk.get_order(order_id=order_id)
            refund_id = form.one("refund")
            if refund_id not in {one.id for one in await self._backs(order)}:
                raise NotFound("refund_unknown")
            seen = id_checks.shown(document=form.one("document"), number=form.one("document_number"))
            await self._booth.confirmed(request, who, form)
            async with self._booth.database.transaction() as transaction:
                await id_checks.write(
                    transaction.connection,
                    seen,
                    subject=refund_id,
                    purpose="money_back",
                    by=who.id,
                    now=transaction.now,
                    keys=self._booth.keyring,
                )
                await _note_document(transaction, seen.document, refund_id, by=who.id)
            await self._booth.desk.cash.pay_back(refund_id=refund_id, till=session.till, by=who.id, only_keeper=True)
        except _WRONG as problem:
            return await self.show(request, who, form, order_id, problem=problem)
        return go_to(f"/counter/orders/{order_id}")

    async def give_back_to_card(self, request: WebRequest, who: SignedIn, form: Form, order_id: str) -> Page:
        """A card got its money back at the terminal: its slip is entered, by one's code again."""
        try:
            order = await self._booth.desk.get_order(order_id=order_id)
            refund_id = form.one("refund")
            if refund_id not in {one.id for one in await self._card_backs(order)}:
                raise NotFound("refund_unknown")
            terminal, reference = charges.as_kept(form.one("terminal"), form.one("reference"))
            session = await self._booth.till(who)
            if session is not None:
                await self._booth.terminals.check(terminal, shop=session.shop)
            await self._booth.confirmed(request, who, form)
            await self._booth.desk.terminals.give_back(
                refund_id=refund_id, terminal=terminal, reference=reference, by=who.id
            )
        except _WRONG as problem:
            return await self.show(request, who, form, order_id, problem=problem)
        return go_to(f"/counter/orders/{order_id}")

    async def complain(self, request: WebRequest, who: SignedIn, form: Form, order_id: str) -> Page:
        """Take a complaint: a ticket with the order attached."""
        try:
            topic = form.one("topic")
            if topic not in {one.value for one in _TOPICS}:
                raise Invalid("request_malformed")
            ticket = await self._booth.care.write(
                Written(
                    key=check_key(form.one("form")),
                    topic=Topic(topic),
                    text=form.one("text"),
                    locale=self._booth.words(request).locale,
                    contact=form.one("contact"),
                    order_id=order_id,
                ),
                evidence={"taken_at": "counter", "taken_by": who.id},
                taken_by=who.id,
            )
        except _WRONG as problem:
            return await self.show(request, who, form, order_id, problem=problem)
        return await self.show(request, who, Form(), order_id, ticket=ticket.reference)

    async def _card_backs(self, order: OrderView) -> list[CardBack]:
        places = [(lane_of(one.id), str(one.id)) for one in order.payments if one.method == CARD]
        async with self._booth.database.read() as transaction:
            return await card_records.BOOK.backs_waiting(transaction.connection, places)

    async def _backs(self, order: OrderView) -> list[PayBack]:
        places = [(lane_of(one.id), str(one.id)) for one in order.payments if one.method == "cash"]
        async with self._booth.database.read() as transaction:
            return await records.BOOK.backs_waiting(transaction.connection, places)


async def _note_document(transaction: Transaction, document: str, subject: str, *, by: str) -> None:
    """That a document was looked at, and of which kind: never whose."""
    facts = {"why": "money_back", **trail.change(None, {"document": document})}
    connection, now = transaction.connection, transaction.now
    await trail.write(connection, actor=by, action="counter.document_checked", subject=subject, facts=facts, now=now)


def _reason(form: Form) -> str:
    """Raises Invalid approval_reason_missing, approval_reason_too_long."""
    return checked_reason(form.one("reason"))


def _facts(order: OrderView, words: Wording) -> list[PriceRow]:
    rows = [
        PriceRow(words.text("order_status"), words.status(order.status)),
        PriceRow(words.text("sale_total"), words.money(order.paid)),
        PriceRow(words.text("order_made"), words.moment(order.created_at)),
        PriceRow(words.text("order_id"), order.id),
    ]
    if order.receipt_number:
        rows.append(PriceRow(words.text("receipt_number"), order.receipt_number))
    paid = [(one.method, one.received) for one in order.payments if one.received is not None]
    return rows + [PriceRow(words.method(method), words.money(received)) for method, received in paid]
