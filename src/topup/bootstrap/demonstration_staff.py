"""Some of the staff for a demonstration: two of the office, so that one can ask and the other decide, and two of a
counter.

What they sign in with is made at the first start and kept beside the database of the demonstration, readable by its
owner alone: a production installation never has such a file.
"""

import secrets
from typing import Final

from topup.channels.cli.demonstration_staff import Shown, keep_staff, shown_staff
from topup.channels.cli.ports import Store
from topup.people import administration, credentials, staff
from topup.people.permissions import Role
from topup.people.signing_in import enrol_at_once

_PEOPLE: Final = {
    "support": Role.SUPPORT,
    "finance": Role.FINANCE,
    "clerk": Role.CLERK,
    "supervisor": Role.SUPERVISOR,
}
_ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz23456789"
_GROUPS: Final = 4


async def furnish_staff(store: Store) -> list[Shown]:
    """All of them, made where they are not there; what somebody changed since stays."""
    async with store.database.read() as transaction:
        there = {one.login for one in await staff.everybody(transaction.connection)}
    known = {one.login: one for one in shown_staff(store.settings.data_dir)}
    for login in [one for one in _PEOPLE if one not in there]:
        known[login] = Shown(login, _password(), credentials.new_secret())
        async with store.database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            invited = await administration.add(connection, login=login, role=_PEOPLE[login], by="cli", now=now)
            one = known[login]
            await enrol_at_once(connection, store.keyring, invited, password=one.password, secret=one.secret, now=now)
            keep_staff(store.settings.data_dir, list(known.values()))
    return [known[login] for login in _PEOPLE if login in known]


def _password() -> str:
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(_GROUPS))
