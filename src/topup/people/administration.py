"""Who makes accounts of staff, gives them a role, and ends them.

Promise: each change is in the audit trail with what was before and after. Nobody changes their own role, blocks or
resets themselves; and somebody who looks after staff is always left: the last one who can sign in stays as they are.
Blocking, resetting and another role end all sessions of the account at once. An account that one person made, reset or
gave more to do waits until another of those who look after staff has confirmed it (`confirming`). The command line,
whose user holds the database itself, may do what no colleague may, and needs no second.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from topup.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from topup.kernel.ids import new_id
from topup.people.confirming import gains
from topup.people.permissions import PERMISSIONS, STAFF_ROLES, Permission, Role
from topup.people.staff import COLUMNS, Staff, code_hash, new_code
from topup.platform.database import Connection
from topup.work import trail

ENROLMENT_LASTS: Final = timedelta(hours=72)
COMMAND_LINE: Final = "cli"
_LOGIN: Final = re.compile(r"[a-z][a-z0-9._-]{1,39}", re.ASCII)
_LOOK_AFTER: Final = [role.value for role, may in PERMISSIONS.items() if Permission.MANAGE_STAFF in may]

_INSERT = """
INSERT INTO people.staff
    (id, login, role, enrolment, enrolment_until, created_at, invited_by, confirmed_by, confirmed_at)
VALUES (%(id)s, %(login)s, %(role)s, %(enrolment)s, %(until)s, %(now)s, %(invited_by)s, %(confirmed_by)s,
    %(confirmed_at)s)
ON CONFLICT (login) DO NOTHING RETURNING id
"""
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('people.administration', 0))"
_ONE = f"SELECT {COLUMNS} FROM people.staff WHERE login = %s FOR UPDATE"
_OTHERS = """
SELECT count(*) FROM people.staff
WHERE role = ANY (%s) AND enrolled_at IS NOT NULL AND disabled_at IS NULL AND confirmed_by IS NOT NULL AND id <> %s
"""
_RESET = """
UPDATE people.staff SET enrolment = %(enrolment)s, enrolment_until = %(until)s, password = NULL, totp = NULL,
    enrolled_at = NULL, disabled_at = NULL, invited_by = %(invited_by)s, confirmed_by = %(confirmed_by)s,
    confirmed_at = %(confirmed_at)s
WHERE id = %(id)s
"""
_DISABLE = """
UPDATE people.staff SET disabled_at = %(now)s, enrolment = NULL, enrolment_until = NULL WHERE id = %(id)s
"""
_ENABLE = "UPDATE people.staff SET disabled_at = NULL WHERE id = %(id)s"
_ROLE = "UPDATE people.staff SET role = %(role)s WHERE id = %(id)s"
_RAISED = """
UPDATE people.staff SET role = %(role)s, invited_by = %(invited_by)s, confirmed_by = NULL, confirmed_at = NULL
WHERE id = %(id)s
"""
_CONFIRM = "UPDATE people.staff SET confirmed_by = %(by)s, confirmed_at = %(now)s WHERE id = %(id)s"


@dataclass(frozen=True, slots=True)
class Invited:
    """An account to be enrolled. Its code cannot be had again, and is not shown when this is printed or logged."""

    id: str
    login: str
    code: str
    until: datetime

    def __repr__(self) -> str:
        return f"Invited(id={self.id!r}, login={self.login!r})"


async def add(connection: Connection, *, login: str, role: Role, by: str, now: datetime) -> Invited:
    """A new account, to be enrolled within ENROLMENT_LASTS; `by` says who makes it.

    Raises Invalid `login_unreadable`, `role_not_of_staff`; Conflict `login_taken`.
    """
    name = login.strip().lower()
    if _LOGIN.fullmatch(name) is None:
        raise Invalid("login_unreadable")
    _check_role(role)
    invited = Invited(new_id("staff", 0), name, new_code(), now + ENROLMENT_LASTS)
    cursor = await connection.execute(
        _INSERT,
        {
            "id": invited.id,
            "login": name,
            "role": role.value,
            "enrolment": code_hash(invited.code),
            "until": invited.until,
            "now": now,
            **_vouched([], by, now),
        },
    )
    if await cursor.fetchone() is None:
        raise Conflict("login_taken")
    facts = {"role": role.value, "before": None, "after": "invited"}
    await trail.write(connection, actor=by, action="staff.added", subject=invited.id, facts=facts, now=now)
    return invited


async def reset(connection: Connection, *, login: str, by: str, now: datetime) -> Invited:
    """Take away password, device, passkeys and recovery codes, and invite anew; a blocked account comes back so.

    Raises NotFound `staff_unknown`, Forbidden `staff_own`, Conflict `staff_last`.
    """
    one = await _other(connection, login, by)
    await _check_left(connection, one, by)
    code, until = new_code(), now + ENROLMENT_LASTS
    begun = {"enrolment": code_hash(code), "until": until}
    await _change(connection, one, _RESET, begun | _vouched([] if one.confirmed else one.invited_by, by, now))
    await connection.execute("DELETE FROM people.staff_recovery WHERE staff_id = %s", [one.id])
    await connection.execute("DELETE FROM people.staff_passkeys WHERE staff_id = %s", [one.id])
    await _write(connection, one, "staff.reset", by, now, after="invited")
    return Invited(one.id, one.login, code, until)


async def disable(connection: Connection, *, login: str, by: str, now: datetime) -> str:
    """Block an account and end its sessions; gives its id. Raises NotFound `staff_unknown`, also where it is blocked;
    Forbidden `staff_own`; Conflict `staff_last`.
    """
    one = await _other(connection, login, by)
    if one.disabled_at is not None:
        raise NotFound("staff_unknown")
    await _check_left(connection, one, by)
    await _change(connection, one, _DISABLE, {"now": now})
    await _write(connection, one, "staff.disabled", by, now, after="disabled")
    return one.id


async def enable(connection: Connection, *, login: str, by: str, now: datetime) -> str:
    """Let a blocked account in again, with what it signed in with before; gives its id.

    Raises NotFound `staff_unknown`, Forbidden `staff_own`, Conflict `staff_not_blocked`.
    """
    one = await _other(connection, login, by)
    if one.disabled_at is None:
        raise Conflict("staff_not_blocked")
    await _change(connection, one, _ENABLE, {})
    await _write(connection, one, "staff.enabled", by, now, after=replace(one, disabled_at=None).standing(now))
    return one.id


async def give_role(connection: Connection, *, login: str, role: Role, by: str, now: datetime) -> str:
    """Another role; whoever has it signs in anew, and waits to be confirmed where it lets them do more. Gives the id.

    Raises NotFound `staff_unknown`, Forbidden `staff_own`, Invalid `role_not_of_staff`, Conflict `staff_last`.
    """
    _check_role(role)
    one = await _other(connection, login, by)
    if one.role is role:
        return one.id
    raised = by != COMMAND_LINE and gains(one.role, role)
    if raised or role.value not in _LOOK_AFTER:
        await _check_left(connection, one, by)
    if raised:
        invited_by = [*([] if one.confirmed else one.invited_by), by]
        await _change(connection, one, _RAISED, {"role": role.value, "invited_by": invited_by})
    else:
        await _change(connection, one, _ROLE, {"role": role.value})
    facts = {"before": one.role.value, "after": role.value}
    await trail.write(connection, actor=by, action="staff.role", subject=one.id, facts=facts, now=now)
    return one.id


async def confirm(connection: Connection, *, login: str, by: str, now: datetime) -> str:
    """Stand as a second person for an account that another made, reset or gave more to do; gives its id. It is
    confirmed once it is enrolled, so that whoever confirms can ask whether it is really they who did.

    Raises NotFound `staff_unknown`; Forbidden `staff_own`, `staff_confirmed_by_inviter`; Conflict
    `staff_not_enrolled`, `staff_confirmed_already`.
    """
    one = await _other(connection, login, by)
    if one.confirmed:
        raise Conflict("staff_confirmed_already")
    if one.enrolled_at is None or one.disabled_at is not None:
        raise Conflict("staff_not_enrolled")
    if by in one.invited_by and by != COMMAND_LINE:
        raise Forbidden("staff_confirmed_by_inviter")
    await connection.execute(_CONFIRM, {"id": one.id, "by": by, "now": now})
    facts = {"role": one.role.value, "before": "unconfirmed", "after": "active"}
    await trail.write(connection, actor=by, action="staff.confirmed", subject=one.id, facts=facts, now=now)
    return one.id


def _vouched(before: Sequence[str], by: str, now: datetime) -> dict[str, object]:
    """Who stands for an account that gets a new code: none but the command line, which needs no second."""
    if by == COMMAND_LINE:
        return {"invited_by": [by], "confirmed_by": by, "confirmed_at": now}
    return {"invited_by": [*before, by], "confirmed_by": None, "confirmed_at": None}


def _check_role(role: Role) -> None:
    if role not in STAFF_ROLES:
        raise Invalid("role_not_of_staff", role=role.value)


async def _other(connection: Connection, login: str, by: str) -> Staff:
    """The account, locked; raises NotFound `staff_unknown`, Forbidden `staff_own` where it is one's own.

    Whoever changes accounts has them to themselves until the transaction ends: two who block each other at once must
    not leave nobody.
    """
    await connection.execute(_LOCK)
    row = await (await connection.execute(_ONE, [login.strip().lower()])).fetchone()
    if row is None:
        raise NotFound("staff_unknown")
    one = Staff(*row)
    if one.id == by:
        raise Forbidden("staff_own")
    return one


async def _check_left(connection: Connection, one: Staff, by: str) -> None:
    """Raises Conflict `staff_last` where nobody who looks after staff could sign in without this account."""
    if by == COMMAND_LINE or one.enrolled_at is None or one.disabled_at or not one.may(Permission.MANAGE_STAFF):
        return
    row = await (await connection.execute(_OTHERS, (_LOOK_AFTER, one.id))).fetchone()
    if row is None or not row[0]:
        raise Conflict("staff_last")


async def _change(connection: Connection, one: Staff, statement: str, parameters: Mapping[str, object]) -> None:
    await connection.execute(statement, {"id": one.id, **parameters})
    await connection.execute("DELETE FROM people.staff_sessions WHERE staff_id = %s", [one.id])


async def _write(connection: Connection, one: Staff, action: str, by: str, now: datetime, *, after: str) -> None:
    facts = {"before": one.standing(now), "after": after}
    await trail.write(connection, actor=by, action=action, subject=one.id, facts=facts, now=now)
