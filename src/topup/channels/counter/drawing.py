"""The drawer: opened with a float, money in and out, counted blind, handed over, and its reports."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from topup.channels.counter.booth import Booth, status_of
from topup.channels.counter.rendering import money_of
from topup.channels.counter.wording import PriceRow, Wording
from topup.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Problem, Throttled, Unauthenticated
from topup.kernel.money import Money
from topup.orders.till_reports import TillReport, report_of
from topup.payments.cash import drawer
from topup.payments.cash.drawer import CHANGE, EXPENSE, SAFE, Kept, Moved, Movement
from topup.payments.cash.records import Session
from topup.people.permissions import Permission
from topup.people.sessions import SignedIn
from topup.people.staff import names_of
from topup.platform.web.forms import Form
from topup.platform.web.pages import Page, WebRequest, go_to
from topup.reconciliation.writing_off import ACCEPT_TILL
from topup.shops.places import Place
from topup.work.approvals import Wish
from topup.work.queries import Sought, sought_items

MOVES: Final = (SAFE, CHANGE, EXPENSE)
DIFFERENCE: Final = "till_difference"
_MOST_TILLS: Final = 99
_LONGEST_LOGIN: Final = 40
_WRONG = (Invalid, Conflict, NotFound, Forbidden, Unauthenticated, Throttled)


@dataclass(frozen=True, slots=True)
class ReportRow:
    """One report of the past."""

    id: str
    title: str
    when: str
    counted: str
    differs: bool


@dataclass(frozen=True, slots=True)
class MoveRow:
    """Money that was put in or taken out, in words."""

    form: str
    at: str
    why: str
    amount: str
    reason: str


@dataclass(frozen=True, slots=True)
class ReportSheet:
    """A report of a till in words."""

    kept: Kept
    title: str
    heads: list[PriceRow]
    cash: list[PriceRow]
    sold: list[PriceRow]


class DrawerPages:
    """A clerk's drawer."""

    def __init__(self, booth: Booth) -> None:
        self._booth = booth

    async def opening(self, request: WebRequest, who: SignedIn, form: Form, *, problem: Problem | None = None) -> Page:
        """The form to open a drawer: which shop, which till, and what is in it."""
        places = await self._shops()
        words = self._booth.words(request)
        currencies = await self._booth.currencies()
        return self._booth.look.page(
            request,
            "opening.html",
            who=who,
            place="drawer",
            status=status_of(problem) if problem else 200,
            shops=[(place.id, words.name(place.names)) for place in places],
            currencies=currencies,
            filled={name: form.one(name) for name in ("shop", "till", "float", "currency")},
            mistake=words.problem(problem) if problem else None,
        )

    async def open(self, request: WebRequest, who: SignedIn, form: Form) -> Page:
        """Begin to keep a till."""
        shop, number = form.one("shop"), form.one("till")
        try:
            places = {place.id for place in await self._shops()}
            if shop not in places or not number.isascii() or not number.isdigit() or not 0 < int(number) <= _MOST_TILLS:
                raise Invalid("till_place")
            currency = form.one("currency")
            if currency not in await self._booth.currencies():
                raise Invalid("currency_wrong", currency=currency[:3])
            float_ = money_of(form.one("float"), currency)
            if float_ is None:
                raise Invalid("amount_unreadable")
            await self._booth.desk.cash.open(till=f"{shop}-{int(number)}", float_=float_, by=who.id, shop=shop)
        except _WRONG as problem:
            return await self.opening(request, who, form, problem=problem)
        return go_to("/counter")

    async def show(self, request: WebRequest, who: SignedIn, form: Form, *, problem: Problem | None = None) -> Page:
        """The drawer as its keeper may see it: what went in and out, and never what should be there."""
        session = await self._booth.till(who)
        words = self._booth.words(request)
        async with self._booth.database.read() as transaction:
            past = await drawer.past_of(transaction.connection, who.id)
            moved = await drawer.moves_of(transaction.connection, session) if session else []
        booked = [_moved(one, session, words) for one in moved] if session else []
        return self._booth.look.page(
            request,
            "drawer.html",
            who=who,
            place="drawer",
            back="/counter/drawer",
            status=status_of(problem) if problem else 200,
            till=session.till if session else "",
            since=words.clock(session.opened_at) if session else "",
            session_id=session.id if session else "",
            float=words.minor(session.float_minor, session.currency) if session else "",
            booked=booked,
            just=[one for one in booked if one.form == request.query_params.get("booked")],
            moves=[(why, words.text(f"move.{why}")) for why in MOVES],
            past=[_row(one, words) for one in past],
            fresh=who.fresh,
            hands={name: form.one(name) if form.one("counted") else "" for name in ("counted", "login")},
            filled={name: form.one(name) for name in ("why", "amount", "reason", "counted", "login", "terminal")},
            terminals=await self._booth.terminals_of(session),
            most=await self._ceiling(session, words),
            sees_expected=who.may(Permission.CHECK_TILLS),
            mistake=words.problem(problem) if problem else None,
        )

    async def move(self, request: WebRequest, who: SignedIn, form: Form) -> Page:
        """Put money in or take it out. What is bought takes a supervisor's code, and so may what goes to the safe."""
        try:
            session = await self._booth.own_till(who)
            why = form.one("why")
            if why not in MOVES:
                raise Invalid("request_malformed")
            amount = _amount(form.one("amount"), session)
            drawer.check_reason(form.one("reason"))
            allowed_by, knows = None, who.may(Permission.CHECK_TILLS)
            if why != CHANGE and not knows:
                allowed_by = await self._allowed(request, who, form, session, why)
            movement = Movement(form.one("form"), why, amount, form.one("reason"), who.id, allowed_by, knows)
            await self._booth.desk.cash.move(till=session.till, movement=movement)
        except _WRONG as problem:
            return await self.show(request, who, form, problem=problem)
        return go_to(f"/counter/drawer?{urlencode({'booked': movement.form})}")

    async def close(self, request: WebRequest, who: SignedIn, form: Form) -> Page:
        """Count, and end keeping the till: to its report, which asks for a reason where the count differs."""
        try:
            session = await self._booth.own_till(who)
            counted = _amount(form.one("counted"), session)
            await self._booth.desk.cash.close(till=session.till, counted=counted, by=who.id)
        except _WRONG as problem:
            return await self.show(request, who, form, problem=problem)
        return go_to(f"/counter/reports/{session.id}")

    async def hand_over(self, request: WebRequest, who: SignedIn, form: Form) -> Page:
        """Count, and let a colleague keep the till: they type their own name and code."""
        try:
            session = await self._booth.own_till(who)
            counted = _amount(form.one("counted"), session)
            if form.one("login").strip().lower() == who.login:
                raise Invalid("till_same_keeper")
            taken_by = await self._colleague(request, who, form)
            await self._booth.desk.cash.hand_over(
                till=session.till, counted=counted, given_by=who.id, taken_by=taken_by
            )
        except _WRONG as problem:
            return await self.show(request, who, form, problem=problem)
        return go_to(f"/counter/reports/{session.id}")

    async def ready(self, request: WebRequest, who: SignedIn, form: Form) -> Page:  # noqa: ARG002 - a page like the others
        """Who hands over has shown that it is they: before a colleague reads a code, which soon runs out."""
        return go_to("/counter/drawer#hand-over")

    async def _colleague(self, request: WebRequest, who: SignedIn, form: Form) -> str:
        """The id of who takes over. Raises as `Booth.another`, and says whose code was refused."""
        try:
            return await self._booth.another(request, form, by=who.id, may=Permission.KEEP_TILL)
        except Unauthenticated as refusal:
            raise Unauthenticated("colleague_code_refused", login=form.one("login")[:_LONGEST_LOGIN]) from refusal

    async def close_batch(self, request: WebRequest, who: SignedIn, form: Form) -> Page:
        """Enter what a card terminal printed as its total; what differs is put on the work list."""
        try:
            session = await self._booth.own_till(who)
            total = _amount(form.one("total"), session)
            await self._booth.terminals.check(form.one("terminal").lower(), shop=session.shop)
            agrees = await self._booth.desk.terminals.close_batch(
                terminal=form.one("terminal").lower(), total=total, form=form.one("form"), by=who.id
            )
            if not agrees:
                raise Conflict("terminal_total_differs")
        except _WRONG as problem:
            return await self.show(request, who, form, problem=problem)
        return go_to("/counter/drawer")

    async def ceiling(self, request: WebRequest, who: SignedIn, form: Form) -> Page:
        """Say how much a drawer of this shop should hold at most."""
        try:
            session = await self._booth.own_till(who)
            most = _amount(form.one("most") or "0", session)
            await self._booth.ceilings.say(session.shop, most, by=who.id)
        except _WRONG as problem:
            return await self.show(request, who, form, problem=problem)
        return go_to("/counter/drawer")

    async def bind_display(self, request: WebRequest, who: SignedIn, form: Form) -> Page:
        """Bind the customer's display that shows this code to the till one keeps."""
        try:
            session = await self._booth.own_till(who)
            must = bool(form.one("must_confirm"))
            await self._booth.displays.bind(code=form.one("display"), till=session.till, by=who.id, must_confirm=must)
        except _WRONG as problem:
            return await self.show(request, who, form, problem=problem)
        return go_to("/counter/drawer")

    async def report(
        self, request: WebRequest, who: SignedIn, form: Form, session_id: str, *, problem: Problem | None = None
    ) -> Page:
        """The Z report of a till that was counted; the X report of one that is kept, for who may check tills."""
        words = self._booth.words(request)
        sheet = await report_sheet(self._booth, who, session_id, words)
        kept = sheet.kept
        async with self._booth.database.read() as transaction:
            items = await sought_items(transaction.connection, Sought(kind=DIFFERENCE, text=session_id), limit=1)
        asked = await self._booth.approvals.page(waiting=True, item_id=items[0].id, limit=1) if items else []
        return self._booth.look.page(
            request,
            "report.html",
            who=who,
            place="drawer",
            back=f"/counter/reports/{session_id}",
            status=status_of(problem) if problem else 200,
            sheet=sheet,
            session_id=session_id,
            prints=kept.session.till in self._booth.printing.tills,
            differs=bool(kept.difference_minor),
            ask_reason=bool(items) and not asked and kept.session.opened_by == who.id,
            waits=bool(asked),
            reason=form.one("reason"),
            mistake=words.problem(problem) if problem else None,
        )

    async def explain(self, request: WebRequest, who: SignedIn, form: Form, session_id: str) -> Page:
        """Say why a count differs, and ask that a supervisor accept it."""
        async with self._booth.database.read() as transaction:
            kept = await drawer.session_of(transaction.connection, session_id)
            items = await sought_items(transaction.connection, Sought(kind=DIFFERENCE, text=session_id), limit=1)
        if not items or kept.session.opened_by != who.id:
            raise NotFound("till_session_unknown")
        try:
            wish = Wish(ACCEPT_TILL, session_id, {}, form.one("reason"), item_id=items[0].id, form=form.one("form"))
            await self._booth.approvals.request(who, wish)
        except _WRONG as problem:
            return await self.report(request, who, form, session_id, problem=problem)
        return go_to(f"/counter/reports/{session_id}")

    async def _allowed(self, request: WebRequest, who: SignedIn, form: Form, session: Session, why: str) -> str | None:
        """The supervisor who allows that money goes out; None where none need be asked. Refusals tell what should be
        in the drawer, a little each: whoever had two of a session is not told more alone. It is asked here for the
        code, and again when the money is moved.

        Raises as `Booth.another`; Conflict till_asks_supervisor.
        """
        if why != EXPENSE:
            async with self._booth.database.read() as transaction:
                if not await drawer.asks_supervisor(transaction.connection, session):
                    return None
            if not form.one("code"):
                raise Conflict("till_asks_supervisor")
        return await self._booth.another(request, form, by=who.id, may=Permission.CHECK_TILLS)

    async def _ceiling(self, session: Session | None, words: Wording) -> str:
        most = await self._booth.ceilings.of(session.shop, session.currency) if session else None
        return words.money(most) if most else ""

    async def _shops(self) -> list[Place]:
        async with self._booth.database.read() as transaction:
            directory = await self._booth.directories.current(transaction.connection)
        return [place for place in directory.places if place.kind != "kiosk"]


async def report_sheet(booth: Booth, who: SignedIn, session_id: str, words: Wording) -> ReportSheet:
    """The Z report of a till that was counted; the X report of one that is kept, for who may check tills. Raises
    NotFound till_session_unknown, Forbidden count_is_blind.
    """
    async with booth.database.read() as transaction:
        connection = transaction.connection
        kept = await drawer.session_of(connection, session_id)
        if kept.session.opened_by != who.id and not who.may(Permission.CHECK_TILLS):
            raise NotFound("till_session_unknown")
        if kept.z_number is None and not who.may(Permission.CHECK_TILLS):
            raise Forbidden("count_is_blind")
        said = await report_of(connection, kept)
        names = await names_of(connection, [kept.session.opened_by, kept.closed_by or ""])
        now = transaction.now
    return ReportSheet(
        kept,
        _title(kept, words),
        _heads(kept, names, words, now),
        _cash(kept, said.cash, words),
        _sold(said, words),
    )


def _amount(text: str, session: Session) -> Money:
    found = money_of(text, session.currency)
    if found is None:
        raise Invalid("amount_unreadable")
    return found


def _row(kept: Kept, words: Wording) -> ReportRow:
    session = kept.session
    return ReportRow(
        id=session.id,
        title=_title(kept, words),
        when=words.moment(session.closed_at or session.opened_at),
        counted=words.minor(kept.counted_minor or 0, session.currency),
        differs=bool(kept.difference_minor),
    )


def _moved(one: Moved, session: Session, words: Wording) -> MoveRow:
    amount = words.minor(one.amount_minor, session.currency)
    return MoveRow(one.form, words.clock(one.at), words.named("move", one.why), amount, one.reason)


def _title(kept: Kept, words: Wording) -> str:
    if kept.z_number is None:
        return words.text("x_report", till=kept.session.till)
    return words.text("z_report", till=kept.session.till, number=kept.z_number)


def _heads(kept: Kept, names: dict[str, str], words: Wording, now: datetime) -> list[PriceRow]:
    session = kept.session
    rows = [
        PriceRow(words.text("report.kept_by"), names.get(session.opened_by, session.opened_by)),
        PriceRow(words.text("report.opened"), words.moment(session.opened_at)),
        PriceRow(
            words.text("report.closed" if session.closed_at else "report.made"), words.moment(session.closed_at or now)
        ),
    ]
    if kept.closed_by and kept.closed_by != session.opened_by:
        rows.append(PriceRow(words.text("report.closed_by"), names.get(kept.closed_by, kept.closed_by)))
    return rows


def _sold(said: TillReport, words: Wording) -> list[PriceRow]:
    rows = [
        PriceRow(words.text("sold_by", method=words.method(one.method), count=one.sales), words.money(one.amount))
        for one in said.sold
    ]
    return rows + ([PriceRow(words.text("sales_waiting"), str(said.waiting))] if said.waiting else [])


def _cash(kept: Kept, said: drawer.Figures, words: Wording) -> list[PriceRow]:
    session = kept.session
    rows = [
        ("float", session.float_minor),
        ("cash_sales", said.sold_minor + said.slips_minor),
        ("cards", said.cards_minor),
        ("cash_refunds", -said.refunded_minor),
        ("change", said.change_minor),
        ("safe", -said.safe_minor),
        ("expense", -said.expense_minor),
        ("expected", said.expected_minor(session)),
    ]
    if kept.counted_minor is not None and kept.difference_minor is not None:
        rows += [("counted", kept.counted_minor), ("difference", kept.difference_minor)]
    return [PriceRow(words.text(f"report.{name}"), words.minor(minor, session.currency)) for name, minor in rows]
