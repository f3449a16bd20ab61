"""Signing in: a name, a password, and a code of one's device, all at once.

Promise: whatever of the three is wrong, the answer is one and takes as long, for names that nobody has too. A code is
taken once, a recovery code once for ever. Attempts are counted before they are looked at (`people.attempts`). A session
begins with a token that did not exist before.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from topup.kernel.errors import Invalid, Unauthenticated
from topup.people import attempts, credentials, sessions, staff
from topup.people.administration import Invited
from topup.people.attempts import Subjects
from topup.people.sessions import Begun
from topup.people.staff import Credentials, Staff
from topup.platform.database import Connection, Database
from topup.platform.keys import CannotOpen, KeyRing
from topup.work import trail

_LONGEST_LOGIN: Final = 100
_BY_CODE: Final = "staff.signed_in"
_COME_IN: Final = {"before": None, "after": "open"}
"""The session that begins, in the trail."""
_ACCOUNT = """
SELECT id, password, totp FROM people.staff
WHERE login = %s AND enrolled_at IS NOT NULL AND disabled_at IS NULL
"""
_TAKE_STEP = """
UPDATE people.staff SET totp_step = %(step)s
WHERE id = %(id)s AND totp_step < %(step)s AND password = %(password)s AND disabled_at IS NULL RETURNING id
"""
_TAKE_RECOVERY = """
UPDATE people.staff_recovery AS r SET used_at = %(now)s FROM people.staff AS s
WHERE r.staff_id = %(id)s AND r.code = %(code)s AND r.used_at IS NULL
    AND s.id = r.staff_id AND s.password = %(password)s AND s.disabled_at IS NULL RETURNING r.staff_id
"""


@dataclass(frozen=True, slots=True)
class Offered:
    """What was typed to sign in; never printed."""

    login: str
    password: str
    code: str

    def __repr__(self) -> str:
        return "Offered()"


@dataclass(frozen=True, slots=True)
class _Account:
    """What is compared; never printed."""

    id: str
    password: str
    totp: bytes

    def __repr__(self) -> str:
        return f"_Account(id={self.id!r})"


@dataclass(frozen=True, slots=True)
class Binding:
    """A device to be bound to an invited account: its secret, sealed for the page in between, and as an address."""

    staff: Staff
    sealed: bytes
    secret: str
    address: str

    def __repr__(self) -> str:
        return f"Binding(staff={self.staff.id!r})"


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A session of somebody new, and the recovery codes, which are shown once."""

    token: str
    recovery: tuple[str, ...]

    def __repr__(self) -> str:
        return "Enrolled()"


class SignIn:
    """The door of this installation."""

    def __init__(self, *, database: Database, keyring: KeyRing) -> None:
        self._database = database
        self._keyring = keyring

    async def sign_in(self, offered: Offered, *, address: str, browser: str, before: str | None) -> str:
        """A new session's token, for a browser in words of ours; the session of the token `before` ends.

        Raises Unauthenticated `sign_in_refused`, Throttled `too_many_sign_ins`.
        """
        login = offered.login.strip().lower()[:_LONGEST_LOGIN]
        subjects = self._subjects(login, address)
        async with self._database.transaction() as transaction:
            await attempts.admit(transaction.connection, subjects, transaction.now)
            cursor = await transaction.connection.execute(_ACCOUNT, [login])
            row = await cursor.fetchone()
        account = _Account(*row) if row else None
        right = await credentials.holds(offered.password, account.password if account else None)
        if account is None or not right:
            raise Unauthenticated("sign_in_refused")
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            by = await self._take_code(connection, account, offered.code, now)
            if by is None:
                raise Unauthenticated("sign_in_refused")
            await attempts.clear(connection, subjects)
            if before:
                await sessions.end(connection, before)
            begun = Begun(browser, "code" if by == _BY_CODE else "recovery")
            token = await sessions.begin(connection, staff_id=account.id, begun=begun, now=now)
            await trail.write(connection, actor=account.id, action=by, subject=account.id, facts=_COME_IN, now=now)
        return token

    async def binding(self, *, login: str, code: str, address: str) -> Binding:
        """A device for the account that this enrolment code opens.

        Raises Unauthenticated `enrolment_refused`, Throttled `too_many_sign_ins`.
        """
        name = login.strip().lower()[:_LONGEST_LOGIN]
        async with self._database.transaction() as transaction:
            subjects = self._subjects(name, address)
            await attempts.admit(transaction.connection, subjects, transaction.now)
            found = await staff.invited(transaction.connection, login=name, code=code, now=transaction.now)
            if found is not None:
                await attempts.clear(transaction.connection, subjects)
        if found is None:
            raise Unauthenticated("enrolment_refused")
        secret = credentials.new_secret()
        sealed = self._keyring.seal(secret.encode(), _bound_to(found.id))
        return Binding(found, sealed, secret, credentials.address_of(secret, login=found.login))

    def bound(self, account: Staff, sealed: bytes) -> Binding:
        """The same device again, from what was sealed. Raises Invalid `request_malformed` for anything else."""
        try:
            secret = self._keyring.unseal(sealed, _bound_to(account.id)).decode()
        except CannotOpen:
            raise Invalid("request_malformed") from None
        return Binding(account, sealed, secret, credentials.address_of(secret, login=account.login))

    async def invited(self, *, login: str, code: str) -> Staff:
        """The account an enrolment code opens. Raises Unauthenticated `enrolment_refused`."""
        async with self._database.read() as transaction:
            found = await staff.invited(transaction.connection, login=login, code=code, now=transaction.now)
        if found is None:
            raise Unauthenticated("enrolment_refused")
        return found

    async def enrol(self, binding: Binding, *, code: str, password: str, device_code: str, browser: str) -> Enrolled:
        """Choose the password, prove the device, and begin a session.

        Raises Invalid `password_too_short`, `password_too_long`, `password_too_simple`, `device_code_wrong`; Conflict
        `enrolment_over`.
        """
        credentials.check_password(password, login=binding.staff.login)
        hashed = await credentials.hashed(password)
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            step = credentials.step_of(binding.secret, device_code, now)
            if step is None:
                raise Invalid("device_code_wrong")
            recovery = tuple(staff.new_code() for _ in range(staff.RECOVERY_CODES))
            chosen = Credentials(hashed, binding.sealed, step, recovery)
            await staff.enrol(connection, staff_id=binding.staff.id, code=code, credentials=chosen, now=now)
            staff_id = binding.staff.id
            begun = Begun(browser, "enrolment")
            token = await sessions.begin(connection, staff_id=staff_id, begun=begun, now=now)
            facts = {"before": "invited", "after": "active"}
            await trail.write(
                connection, actor=staff_id, action="staff.enrolled", subject=staff_id, facts=facts, now=now
            )
        return Enrolled(token, recovery)

    async def _take_code(self, connection: Connection, account: _Account, code: str, now: datetime) -> str | None:
        """What a good code, which nobody had used and is used now, means for the trail; None for another."""
        secret = device_of(self._keyring, staff_id=account.id, sealed=account.totp)
        step = credentials.step_of(secret, code, now)
        # With the password that was compared: it may have been changed meanwhile.
        parameters = {"id": account.id, "password": account.password, "now": now}
        if step is not None:
            cursor = await connection.execute(_TAKE_STEP, parameters | {"step": step})
            return _BY_CODE if await cursor.fetchone() else None
        cursor = await connection.execute(_TAKE_RECOVERY, parameters | {"code": staff.code_hash(code)})
        return "staff.signed_in_by_recovery" if await cursor.fetchone() else None

    def _subjects(self, login: str, address: str) -> Subjects:
        return subjects_of(self._keyring, login=login, address=address)


def subjects_of(keyring: KeyRing, *, login: str, address: str) -> Subjects:
    """What an attempt of a login from an address is counted under."""
    name = keyring.pseudonym
    return Subjects(
        name(f"sign-in:both:{address}:{login}"), name(f"sign-in:address:{address}"), name(f"sign-in:name:{login}")
    )


def device_of(keyring: KeyRing, *, staff_id: str, sealed: bytes) -> str:
    """The secret of somebody's device."""
    return keyring.unseal(sealed, _bound_to(staff_id)).decode()


async def enrol_at_once(
    connection: Connection, keyring: KeyRing, invited: Invited, *, password: str, secret: str, now: datetime
) -> None:
    """Enrol an account without a page, as a demonstration does for its own. Raises Conflict `enrolment_over`."""
    hashed = await credentials.hashed(password)
    sealed = keyring.seal(secret.encode(), _bound_to(invited.id))
    chosen = Credentials(hashed, sealed, 0, ())
    await staff.enrol(connection, staff_id=invited.id, code=invited.code, credentials=chosen, now=now)


def _bound_to(staff_id: str) -> str:
    return f"totp:{staff_id}"
