"""Accounts of staff as pages: who works here, with which role; invite, block, let in again, reset."""

from dataclasses import dataclass
from datetime import datetime

from topup.channels.console.rendering import Look, wording_of
from topup.channels.console.wording import Wording
from topup.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Problem
from topup.people import administration, staff, staff_passkeys
from topup.people.administration import Invited
from topup.people.permissions import STAFF_ROLES, Role
from topup.people.sessions import Lasting, SignedIn, count
from topup.people.staff import Staff, recovery_left
from topup.platform.database import Connection, Database, Transaction
from topup.platform.web.forms import Form
from topup.platform.web.pages import Page, WebRequest, go_to

ROLES = [role for role in Role if role in STAFF_ROLES]


@dataclass(frozen=True, slots=True)
class Row:
    """One account, in words."""

    id: str
    login: str
    role: str
    standing: str
    since: str
    own: bool


class StaffPages:
    """Who works here."""

    def __init__(self, *, look: Look, database: Database, lasting: Lasting) -> None:
        self._look = look
        self._database = database
        self._lasting = lasting

    async def listed(self, request: WebRequest, who: SignedIn, form: Form) -> Page:
        """All accounts, and the form to invite somebody."""
        return await self._list(request, who, form)

    async def add(self, request: WebRequest, who: SignedIn, form: Form) -> Page:
        """Invite somebody: the code is shown once, on the answer to this very form."""
        try:
            role = _role(form)
            async with self._database.transaction() as transaction:
                connection, now = transaction.connection, transaction.now
                invited = await administration.add(connection, login=form.one("login"), role=role, by=who.id, now=now)
        except (Invalid, Conflict) as problem:
            return await self._list(request, who, form, problem=problem)
        return self._invited(request, who, invited, role)

    async def one(self, request: WebRequest, who: SignedIn, form: Form, staff_id: str) -> Page:  # noqa: ARG002 - a page like the others
        """One account, and what can be done with it."""
        return await self._show(request, who, staff_id)

    async def change(self, request: WebRequest, who: SignedIn, form: Form, staff_id: str) -> Page:
        """Give a role, confirm, block, let in again, or reset."""
        try:
            async with self._database.transaction() as transaction:
                account = await _account(transaction.connection, staff_id)
                invited = await _changed(transaction, who, form, account)
        except (Invalid, Conflict, Forbidden) as problem:
            return await self._show(request, who, staff_id, problem=problem)
        return self._invited(request, who, invited, account.role) if invited else go_to(f"/console/staff/{staff_id}")

    def _invited(self, request: WebRequest, who: SignedIn, invited: Invited, role: Role) -> Page:
        wording = wording_of(request, self._look.zone)
        return self._look.page(
            request,
            "invited.html",
            who=who,
            place="staff",
            login=invited.login,
            role=wording.role(role.value),
            staff_id=invited.id,
            code=invited.code,
            until=wording.moment(invited.until),
        )

    async def _list(self, request: WebRequest, who: SignedIn, form: Form, *, problem: Problem | None = None) -> Page:
        async with self._database.read() as transaction:
            found = await staff.everybody(transaction.connection)
            now = transaction.now
        wording = wording_of(request, self._look.zone)
        return self._look.page(
            request,
            "staff.html",
            who=who,
            place="staff",
            status=_status(problem),
            rows=[_row(one, who, wording, now) for one in found],
            roles=[role.value for role in ROLES],
            filled={name: form.one(name) for name in ("login", "role")},
            mistake=wording.problem(problem, who=who) if problem else None,
        )

    async def _show(self, request: WebRequest, who: SignedIn, staff_id: str, *, problem: Problem | None = None) -> Page:
        async with self._database.read() as transaction:
            connection, now = transaction.connection, transaction.now
            account = await _account(connection, staff_id)
            places = await count(connection, staff_id=account.id, lasting=self._lasting, now=now)
            left = await recovery_left(connection, staff_id=account.id)
            keys = await staff_passkeys.listed(connection, staff_id=account.id)
            names = await staff.names_of(connection, [*account.invited_by, account.confirmed_by or ""])
        wording = wording_of(request, self._look.zone)
        return self._look.page(
            request,
            "account.html",
            who=who,
            place="staff",
            status=_status(problem),
            row=_row(account, who, wording, now),
            standing=account.standing(now),
            role=account.role.value,
            roles=[role.value for role in ROLES],
            sessions=places,
            recovery=left,
            passkeys=len(keys),
            confirmed=account.confirmed,
            confirmed_by=wording.actor(account.confirmed_by or "", names),
            invited_by=[wording.actor(one, names) for one in dict.fromkeys(account.invited_by)],
            invited_by_me=who.id in account.invited_by,
            mistake=wording.problem(problem, who=who) if problem else None,
        )


async def _changed(transaction: Transaction, who: SignedIn, form: Form, account: Staff) -> Invited | None:
    """Do what the form asks; gives an invitation where there is one to be shown."""
    connection, now = transaction.connection, transaction.now
    match form.one("decision"):
        case "role":
            role = _role(form)
            await administration.give_role(connection, login=account.login, role=role, by=who.id, now=now)
        case "disable":
            await administration.disable(connection, login=account.login, by=who.id, now=now)
        case "enable":
            await administration.enable(connection, login=account.login, by=who.id, now=now)
        case "confirm":
            await administration.confirm(connection, login=account.login, by=who.id, now=now)
        case "reset":
            return await administration.reset(connection, login=account.login, by=who.id, now=now)
        case _:
            raise Invalid("request_malformed")
    return None


async def _account(connection: Connection, staff_id: str) -> Staff:
    found = await staff.one(connection, staff_id)
    if found is None:
        raise NotFound("staff_unknown")
    return found


def _role(form: Form) -> Role:
    if not form.one("role"):
        raise Invalid("role_missing")
    try:
        return Role(form.one("role"))
    except ValueError:
        raise Invalid("role_not_of_staff", role=form.one("role")[:40]) from None


def _row(one: Staff, who: SignedIn, wording: Wording, now: datetime) -> Row:
    return Row(
        id=one.id,
        login=one.login,
        role=wording.role(one.role.value),
        standing=wording.text(f"standing.{one.standing(now)}"),
        since=wording.moment(one.created_at),
        own=one.id == who.id,
    )


def _status(problem: Problem | None) -> int:
    return 200 if problem is None else {Invalid: 422, Conflict: 409, Forbidden: 403}.get(type(problem), 409)
