"""What is kept about somebody, and the end of their account, at the command line: for who asks in writing."""

import os
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from rich.markup import escape

from topup.care.personal import leaving
from topup.care.taking import bundle
from topup.channels.cli.exits import Exit
from topup.channels.cli.ports import Runtime, Store
from topup.channels.cli.screen import out
from topup.channels.cli.speech import locale, say
from topup.kernel.errors import Conflict, NotFound
from topup.kernel.msisdn import parse_msisdn
from topup.people.subscribers import accounts
from topup.people.subscribers.leaving import leaves_at
from topup.platform.i18n import format_datetime
from topup.platform.settings import Settings
from topup.work import trail
from topup.work.approvals import checked_reason

_CLI = "cli"


async def export_account(runtime: Runtime, settings: Settings, *, number: str, file: Path) -> Exit:
    """Write all that is kept about who has this number into a new file, readable by its owner alone; the trail says so.
    Raises InvalidNumber, NotFound `account_unknown`, Conflict `file_exists`.
    """
    async with runtime.store(settings) as store:
        who = await _account(store, number)
        held = await leaving(database=store.database, keyring=store.keyring).held(subscriber_id=who)
        with _new(file) as opened:
            # Noted before anybody has it: what cannot be written down is not given away.
            async with store.database.transaction() as transaction:
                connection, now = transaction.connection, transaction.now
                await trail.write(connection, actor=_CLI, action="people.exported", subject=who, facts={}, now=now)
            opened.write(bundle(held, locale=locale()))
    out.print(f"[green]✓[/] {escape(say('people_export.done', file=file))}")
    return Exit.DONE


async def erase_account(runtime: Runtime, settings: Settings, *, number: str, stay: bool, reason: str) -> Exit:
    """Let the account of who has this number end in three days, or (`stay`) take that back; the trail says so, and why.
    Raises InvalidNumber, NotFound `account_unknown`, Conflict `money_is_open`, Invalid `approval_reason_missing`,
    `approval_reason_too_long`.
    """
    why = checked_reason(reason)
    async with runtime.store(settings) as store:
        who = await _account(store, number)
        way_out = leaving(database=store.database, keyring=store.keyring)
        async with store.database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            before, at = await leaves_at(connection, subscriber_id=who), None
            if stay:
                await way_out.keep(connection, subscriber_id=who)
            else:
                at = await way_out.let_go(connection, subscriber_id=who, now=now)
            facts = {"reason": why, **trail.change(_end(before), _end(at))}
            action = "people.stays" if stay else "people.leaves"
            await trail.write(connection, actor=_CLI, action=action, subject=who, facts=facts, now=now)
    if at is None:
        words = say("people_erase.stays")
    else:
        words = say("people_erase.done", at=format_datetime(at, locale(), zone=settings.time_zone))
    out.print(f"[green]✓[/] {escape(words)}")
    return Exit.DONE


def _new(file: Path) -> BinaryIO:
    try:
        return os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
    except FileExistsError:
        raise Conflict("file_exists", file=str(file)) from None


async def _account(store: Store, number: str) -> str:
    async with store.database.transaction() as transaction:
        e164 = parse_msisdn(number).e164
        found = await accounts.with_number(transaction.connection, store.keyring, e164=e164)
    if found is None:
        raise NotFound("account_unknown")
    return found.id


def _end(at: datetime | None) -> dict[str, object]:
    return {"ends_at": at.isoformat() if at else None}
