"""The end of somebody's account as they asked for it in writing: one of the staff asks, another decides.

What is approved is what the owner could have done in the app: the account ends after `UNDO`, its owner hears of it, and
can take it back until then. While money of theirs is on its way it cannot be asked for, nor approved.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from topup.kernel.errors import NotFound
from topup.kernel.ids import is_id
from topup.kernel.msisdn import Msisdn
from topup.lines import owners
from topup.people.permissions import Permission
from topup.people.subscribers import accounts
from topup.people.subscribers.leaving import Leaving
from topup.platform.database import Connection, Transaction
from topup.platform.keys import KeyRing
from topup.work.approvals import Approval, Kind, Wish

ERASURE: Final = "account_end"


@dataclass(frozen=True, slots=True)
class Meant:
    """Whose account is meant: its number, since when it is there, and how many lines are in it."""

    number: Msisdn
    since: datetime
    lines: int


def kind(leaving: Leaving) -> Kind:
    """What can be asked for: the subject is the id of the account."""

    async def prepare(connection: Connection, wish: Wish, now: datetime) -> Mapping[str, Any]:  # noqa: ARG001 - a Prepare
        """Raises NotFound `account_unknown`, Conflict `money_is_open`."""
        await leaving.check(connection, subscriber_id=_subject(wish.subject))
        return {}

    async def execute(transaction: Transaction, approval: Approval) -> Mapping[str, Any]:
        """Raises as `prepare`: what came about meanwhile counts."""
        subscriber_id = _subject(approval.subject)
        at = await leaving.let_go(transaction.connection, subscriber_id=subscriber_id, now=transaction.now)
        return {"ends_at": at.isoformat()}

    return Kind(ERASURE, Permission.REQUEST_ERASURE.value, Permission.APPROVE_ERASURE.value, prepare, execute)


async def whose(connection: Connection, keyring: KeyRing, subscriber_id: str) -> Meant:
    """Whose account it is, for who decides. Raises NotFound `account_unknown`."""
    found = await accounts.account(connection, keyring, subscriber_id=_subject(subscriber_id))
    lines = await owners.lines_of(connection, subscriber_id=found.id, seal=found.seal)
    return Meant(found.number, found.created_at, len(lines))


def _subject(text: str) -> str:
    if not is_id("subscriber", text):
        raise NotFound("account_unknown")
    return text
