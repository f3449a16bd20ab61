"""Agents as pages: who sells for us, their floats and what they sold; terms, keys, suspension, filling a float."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

from litestar import Response

from topup.channels.console.charts import HEIGHT, Bars, bars
from topup.channels.console.rendering import Look, asked, wording_of
from topup.channels.console.wording import Wording
from topup.kernel.errors import Conflict, Invalid, NotFound, Problem
from topup.kernel.money import InvalidMoney, Money
from topup.orders.agents.books import AgentBooks, Standing
from topup.orders.agents.documents import purpose_text, read_month, statement_csv
from topup.orders.agents.statements import Statement
from topup.payments.floats.filling import FLOAT_TOP_UP, asking_for
from topup.payments.floats.plans import check_fits, newest_plans
from topup.people.agents import operations
from topup.people.agents.operations import NewAgent, Terms
from topup.people.agents.queries import Agent, agent, agent_id_of, contact_of
from topup.people.api_keys import CreatedKey, KeyOfAgent, keys_of
from topup.people.permissions import Permission
from topup.people.sessions import SignedIn
from topup.platform.database import Database, Transaction
from topup.platform.i18n import LOCALES, translate
from topup.platform.keys import KeyRing
from topup.platform.web.forms import Form
from topup.platform.web.pages import HEADERS, Page, WebRequest, go_to
from topup.work.approvals import Approvals

DAYS: Final = 30
_TEXTS: Final = "agents"
_ADDED: Final = ("name", "contact", "currency", "zone", "plan", "daily_limit", "low_below")


@dataclass(frozen=True, slots=True)
class Row:
    """One agent, in words."""

    id: str
    name: str
    standing: str
    suspended: bool
    reason: str
    left: str
    low: bool
    today: str
    month: str


@dataclass(frozen=True, slots=True)
class StatementRow:
    """What moved the float for one reason."""

    name: str
    count: int
    total: str


@dataclass(frozen=True, slots=True)
class ShownStatement:
    """A month's statement, in words."""

    month: str
    complete: bool
    opening: str
    rows: list[StatementRow]
    closing: str


@dataclass(frozen=True, slots=True)
class Selling:
    """What was sold by day: the chart, and what it says in a sentence."""

    chart: Bars
    sales: int
    total: str
    best: str


class AgentPages:
    """Who sells for us."""

    def __init__(self, *, look: Look, database: Database, keyring: KeyRing, approvals: Approvals, lanes: int) -> None:
        self._look = look
        self._database = database
        self._keyring = keyring
        self._approvals = approvals
        self._lanes = lanes
        self._books = AgentBooks(database=database)

    async def listed(self, request: WebRequest, who: SignedIn, form: Form) -> Page:
        """All agents, and the form to take one on."""
        return await self._list(request, who, form)

    async def add(self, request: WebRequest, who: SignedIn, form: Form) -> Page:
        """Take one on."""
        try:
            async with self._database.transaction() as transaction:
                made = await self._added(transaction, who, form, wording_of(request, self._look.zone))
        except (Invalid, Conflict, NotFound) as problem:
            return await self._list(request, who, form, problem=problem)
        return go_to(f"/console/agents/{made.id}")

    async def one(self, request: WebRequest, who: SignedIn, form: Form, agent_id: str) -> Page:
        """One agent: float, sales, statement, keys, and what can be done."""
        return await self._show(request, who, form, agent_id)

    async def change(self, request: WebRequest, who: SignedIn, form: Form, agent_id: str) -> Page:
        """Suspend, let sell again, change terms, give or end a key. A key is shown on the answer, once."""
        try:
            async with self._database.transaction() as transaction:
                key = await _changed(transaction, who, form, agent_id)
        except (Invalid, Conflict, NotFound) as problem:
            return await self._show(request, who, form, agent_id, problem=problem)
        if key is not None:
            return await self._show(request, who, form, agent_id, key=key)
        return go_to(f"/console/agents/{agent_id}")

    async def fill(self, request: WebRequest, who: SignedIn, form: Form, agent_id: str) -> Page:
        """Ask that the float be filled: another decides."""
        wish = asking_for(
            agent_id_of(agent_id),
            amount=form.one("amount"),
            reference=form.one("reference"),
            reason=form.one("reason"),
            form=form.one("form"),
        )
        try:
            made = await self._approvals.request(who, wish)
        except (Invalid, Conflict) as problem:
            return await self._show(request, who, form, agent_id, problem=problem)
        return go_to(f"/console/approvals/{made.id}")

    async def file(self, request: WebRequest, who: SignedIn, form: Form, agent_id: str) -> Page:  # noqa: ARG002 - a page like the others
        """The statement of a month with every movement, as CSV."""
        found = await self._books.statement(agent_id=agent_id, month=read_month(asked(request, "month")))
        lines = await self._books.lines(agent_id=agent_id, month=found.month)
        body = statement_csv(found, lines, wording_of(request, self._look.zone).locale)
        named = f'attachment; filename="{found.agent.id}-{found.month:%Y-%m}.csv"'
        return Response(body, media_type="text/csv", headers=HEADERS | {"Content-Disposition": named})

    async def _added(self, transaction: Transaction, who: SignedIn, form: Form, wording: Wording) -> Agent:
        connection, now = transaction.connection, transaction.now
        currency = form.one("currency").strip().upper()
        terms = _terms(form, currency)
        await check_fits(connection, terms.plan, currency)
        wanted = NewAgent(
            name=form.one("name"),
            contact=form.one("contact"),
            currency=currency,
            zone=form.one("zone").strip() or self._look.zone,
            locale=wording.locale if wording.locale in LOCALES else LOCALES[0],
            terms=terms,
        )
        return await operations.add(connection, wanted, keyring=self._keyring, lanes=self._lanes, by=who.id, now=now)

    async def _list(self, request: WebRequest, who: SignedIn, form: Form, *, problem: Problem | None = None) -> Page:
        wording = wording_of(request, self._look.zone)
        found = await self._books.all()
        async with self._database.read() as transaction:
            plans = sorted(await newest_plans(transaction.connection))
        return self._page(
            request,
            "agents.html",
            who,
            problem,
            rows=[_row(one, wording) for one in found],
            plans=plans,
            filled={name: form.one(name) for name in _ADDED} | {"zone": form.one("zone") or self._look.zone},
            may_add=who.may(Permission.MANAGE_AGENTS),
        )

    async def _show(
        self,
        request: WebRequest,
        who: SignedIn,
        form: Form,
        agent_id: str,
        *,
        problem: Problem | None = None,
        key: CreatedKey | None = None,
    ) -> Page:
        wording = wording_of(request, self._look.zone)
        found = await self._books.standing(agent_id=agent_id)
        one = found.agent
        statement = await self._books.statement(agent_id=agent_id, month=read_month(asked(request, "month")))
        days = await self._books.days(agent_id=agent_id, days=DAYS)
        async with self._database.read() as transaction:
            connection = transaction.connection
            contact = await contact_of(connection, self._keyring, one.id)
            keys, plans = await keys_of(connection, one.id), sorted(await newest_plans(connection))
        waiting = [
            row
            for row in await self._approvals.page(waiting=True, limit=200)
            if (row.kind, row.subject) == (FLOAT_TOP_UP, one.id)
        ]
        may = {
            "manage": who.may(Permission.MANAGE_AGENTS),
            "fill": who.may(Permission.REQUEST_FLOAT),
        }
        return self._page(
            request,
            "agent.html",
            who,
            problem,
            agent=one,
            row=_row(found, wording),
            contact=contact,
            since=wording.moment(one.created_at),
            limit=_major(one.daily_limit_minor, one.currency),
            alarm=_major(one.alarm_minor, one.currency),
            limit_said=_said(one.daily_limit_minor, one, wording),
            alarm_said=_said(one.alarm_minor, one, wording),
            statement=_statement(statement, wording),
            selling=_selling([(minor.count, -minor.minor) for _, minor in days], one, wording),
            keys=[_key(each, wording) for each in keys],
            plans=plans,
            made=key,
            waiting=[(each.id, wording.moment(each.requested_at)) for each in waiting],
            may=may,
            filled={name: form.one(name) for name in ("amount", "reference", "reason")},
        )

    def _page(self, request: WebRequest, template: str, who: SignedIn, problem: Problem | None, **context: Any) -> Page:
        wording = wording_of(request, self._look.zone)
        return self._look.page(
            request,
            template,
            who=who,
            place="agents",
            status=200 if problem is None else 422 if isinstance(problem, Invalid) else 409,
            a=partial(translate, wording.locale, _TEXTS),
            mistake=wording.problem(problem, who=who) if problem else None,
            **context,
        )


async def _changed(transaction: Transaction, who: SignedIn, form: Form, agent_id: str) -> CreatedKey | None:
    """Do what the form asks; gives a key where there is one to be shown."""
    connection, now = transaction.connection, transaction.now
    match form.one("decision"):
        case "suspend":
            await operations.suspend(connection, agent_id, reason=form.one("reason"), by=who.id, now=now)
        case "resume":
            await operations.resume(connection, agent_id, by=who.id, now=now)
        case "terms":
            currency = (await agent(connection, agent_id)).currency
            terms = _terms(form, currency)
            await check_fits(connection, terms.plan, currency)
            await operations.change_terms(connection, agent_id, terms, by=who.id, now=now)
        case "key":
            return await operations.give_key(connection, agent_id, label=form.one("label"), by=who.id, now=now)
        case "end_key":
            await operations.end_key(connection, agent_id, key_id=form.one("key"), by=who.id, now=now)
        case _:
            raise Invalid("request_malformed")
    return None


def _terms(form: Form, currency: str) -> Terms:
    return Terms(
        plan=form.one("plan").strip(),
        daily_limit_minor=_minor(form.one("daily_limit"), currency),
        alarm_minor=_minor(form.one("low_below"), currency),
    )


def _minor(text: str, currency: str) -> int | None:
    if not text.strip():
        return None
    try:
        return Money.from_major(text.strip(), currency).amount_minor
    except InvalidMoney:
        raise Invalid("amount_unreadable") from None


def _major(minor: int | None, currency: str) -> str:
    return "" if minor is None else Money(minor, currency).to_major()


def _said(minor: int | None, one: Agent, wording: Wording) -> str:
    return "" if minor is None else wording.money(minor, one.currency)


def _row(found: Standing, wording: Wording) -> Row:
    one = found.agent
    return Row(
        id=one.id,
        name=one.name,
        standing=translate(wording.locale, _TEXTS, f"status.{one.status}"),
        suspended=one.status.value != "active",
        reason=one.reason,
        left=wording.money(found.left.amount_minor, one.currency),
        low=one.alarm_minor is not None and found.left.amount_minor < one.alarm_minor,
        today=wording.money(found.sold_today.amount_minor, one.currency),
        month=wording.money(found.sold_this_month.amount_minor, one.currency),
    )


def _statement(found: Statement, wording: Wording) -> ShownStatement:
    currency = found.agent.currency
    return ShownStatement(
        month=f"{found.month:%Y-%m}",
        complete=found.complete,
        opening=wording.money(found.opening.amount_minor, currency),
        rows=[
            StatementRow(purpose_text(purpose, wording.locale), one.count, wording.money(one.minor, currency))
            for purpose, one in found.totals.items()
        ],
        closing=wording.money(found.closing.amount_minor, currency),
    )


def _selling(days: list[tuple[int, int]], one: Agent, wording: Wording) -> Selling:
    minor = [sold for _, sold in days]
    nothing = [0] * len(days)
    top = max(minor, default=0)
    return Selling(
        chart=bars(nothing, minor, nothing, top=max(top, HEIGHT)),
        sales=sum(count for count, _ in days),
        total=wording.money(sum(minor), one.currency),
        best=wording.money(top, one.currency),
    )


def _key(key: KeyOfAgent, wording: Wording) -> dict[str, str | bool]:
    ended: datetime | None = key.revoked_at
    return {
        "id": key.id,
        "label": key.label,
        "since": wording.moment(key.created_at),
        "ended": wording.moment(ended) if ended else "",
    }
