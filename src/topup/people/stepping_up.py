"""A code once more, for what should not be done with a screen that somebody left: one's own, or a colleague's who
stands beside.

Promise: each code is taken once, here or at the door; wrong ones are counted with those at the door
(`people.attempts`), and are in the audit trail; what was wrong is not told.
"""

from datetime import datetime
from typing import Final

from topup.kernel.errors import Unauthenticated
from topup.people import attempts, credentials, sessions
from topup.people.sessions import SignedIn
from topup.people.signing_in import device_of, subjects_of
from topup.people.staff import COLUMNS, Staff
from topup.platform.database import Connection, Database
from topup.platform.keys import KeyRing
from topup.work import trail

_LONGEST_LOGIN: Final = 100
_BY_LOGIN: Final = f"""
SELECT {COLUMNS}, totp FROM people.staff WHERE login = %s AND enrolled_at IS NOT NULL AND disabled_at IS NULL
"""
_TAKE_STEP: Final = """
UPDATE people.staff SET totp_step = %s WHERE id = %s AND totp_step < %s AND disabled_at IS NULL RETURNING id
"""


class StepUp:
    """Asks for codes of devices."""

    def __init__(self, *, database: Database, keyring: KeyRing) -> None:
        self._database = database
        self._keyring = keyring

    async def by_login(self, *, login: str, code: str, address: str, asked_by: str) -> Staff:
        """Whose code this is; one's own login for oneself. `asked_by` is the id of who sent the form.

        Raises Unauthenticated `code_refused`, Throttled `too_many_sign_ins`.
        """
        return await self._proven(login, code, address, asked_by, whose=None)

    async def prove(self, who: SignedIn, *, code: str, address: str) -> None:
        """One's own code; the session is fresh again. Raises as `by_login`."""
        await self._proven(who.login, code, address, who.id, whose=who)

    async def _proven(self, login: str, code: str, address: str, asked_by: str, whose: SignedIn | None) -> Staff:
        name = login.strip().lower()[:_LONGEST_LOGIN]
        subjects = subjects_of(self._keyring, login=name, address=address)
        async with self._database.transaction() as transaction:
            await attempts.admit(transaction.connection, subjects, transaction.now)
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            found, meant = await self._taken(connection, name, code, now)
            action, facts = "staff.code_refused", dict[str, object]()
            if found is not None:
                await attempts.clear(connection, subjects)
                action, facts = "staff.proved", proof_facts(whose, door="code")
            if found is not None and whose is not None:
                await sessions.prove(connection, session_id=whose.session_id, now=now)
            await trail.write(connection, actor=asked_by, action=action, subject=meant, facts=facts, now=now)
        if found is None:
            raise Unauthenticated("code_refused")
        return found

    async def _taken(self, connection: Connection, login: str, code: str, now: datetime) -> tuple[Staff | None, str]:
        """Whose good code this is, and whose it was said to be: an id, or nobody's."""
        row = await (await connection.execute(_BY_LOGIN, [login])).fetchone()
        if row is None:
            return None, "nobody"
        *facts, totp = row
        person = Staff(*facts)
        step = credentials.step_of(device_of(self._keyring, staff_id=person.id, sealed=totp), code, now)
        if step is None:
            return None, person.id
        taken = await connection.execute(_TAKE_STEP, (step, person.id, step))
        return (person if await taken.fetchone() else None), person.id


def proof_facts(whose: SignedIn | None, *, door: str) -> dict[str, object]:
    """A proof in the trail, and what it does to the session it is for: of a colleague's code there is none."""
    if whose is None:
        return {"door": door}
    before = "locked" if whose.locked else "fresh" if whose.fresh else "stale"
    return {"door": door, "before": before, "after": "fresh"}
