"""`topup staff`: who may enter the console."""

from rich.table import Table

from topup.channels.cli.demonstration_staff import shown_staff
from topup.channels.cli.exits import Exit
from topup.channels.cli.ports import Runtime
from topup.channels.cli.screen import err, out, print_json, show
from topup.channels.cli.speech import locale, say
from topup.kernel.errors import NotFound
from topup.people import administration, staff
from topup.people.administration import COMMAND_LINE, Invited
from topup.people.credentials import code_of
from topup.people.permissions import Role
from topup.people.staff import Staff
from topup.platform.i18n import format_datetime
from topup.platform.settings import Settings


async def add_staff(runtime: Runtime, settings: Settings, *, login: str, role: str, as_json: bool) -> Exit:
    """Add somebody, and show the enrolment code; it alone goes to standard output, fit for a pipe."""
    async with runtime.store(settings) as store, store.database.transaction() as transaction:
        invited = await administration.add(
            transaction.connection, login=login, role=Role(role), by=COMMAND_LINE, now=transaction.now
        )
    _tell(
        invited,
        runtime.address(settings),
        say("staff_add.done", login=invited.login, role=role, id=invited.id),
        as_json=as_json,
    )
    return Exit.DONE


async def reset_staff(runtime: Runtime, settings: Settings, *, login: str, as_json: bool) -> Exit:
    """Take away password and device, and show a new enrolment code."""
    async with runtime.store(settings) as store, store.database.transaction() as transaction:
        invited = await administration.reset(transaction.connection, login=login, by=COMMAND_LINE, now=transaction.now)
    _tell(
        invited, runtime.address(settings), say("staff_reset.done", login=invited.login, id=invited.id), as_json=as_json
    )
    return Exit.DONE


async def disable_staff(runtime: Runtime, settings: Settings, *, login: str) -> Exit:
    """End an account and its sessions."""
    async with runtime.store(settings) as store, store.database.transaction() as transaction:
        await administration.disable(transaction.connection, login=login, by=COMMAND_LINE, now=transaction.now)
    out.print(f"[green]✓[/] {say('staff_disable.done', login=login.strip().lower())}")
    return Exit.DONE


async def confirm_staff(runtime: Runtime, settings: Settings, *, login: str) -> Exit:
    """Stand as the second person for an account."""
    async with runtime.store(settings) as store, store.database.transaction() as transaction:
        await administration.confirm(transaction.connection, login=login, by=COMMAND_LINE, now=transaction.now)
    out.print(f"[green]✓[/] {say('staff_confirm.done', login=login.strip().lower())}")
    return Exit.DONE


async def enable_staff(runtime: Runtime, settings: Settings, *, login: str) -> Exit:
    """Let a blocked account in again."""
    async with runtime.store(settings) as store, store.database.transaction() as transaction:
        await administration.enable(transaction.connection, login=login, by=COMMAND_LINE, now=transaction.now)
    out.print(f"[green]✓[/] {say('staff_enable.done', login=login.strip().lower())}")
    return Exit.DONE


async def role_of_staff(runtime: Runtime, settings: Settings, *, login: str, role: str) -> Exit:
    """Give another role, and end the sessions that had the one before."""
    async with runtime.store(settings) as store, store.database.transaction() as transaction:
        connection, now = transaction.connection, transaction.now
        await administration.give_role(connection, login=login, role=Role(role), by=COMMAND_LINE, now=now)
    out.print(f"[green]✓[/] {say('staff_role.done', login=login.strip().lower(), role=role)}")
    return Exit.DONE


async def list_staff(runtime: Runtime, settings: Settings, *, as_json: bool) -> Exit:
    """All accounts and how they stand."""
    async with runtime.store(settings) as store, store.database.read() as transaction:
        found = await staff.everybody(transaction.connection)
        now = transaction.now
    rows = [(one, one.standing(now)) for one in found]
    if as_json:
        print_json({"staff": [_json(one, state) for one, state in rows]})
        return Exit.DONE
    if not rows:
        out.print(say("staff_list.nobody"))
        return Exit.DONE
    table = Table(say("staff.column.login"), say("staff.column.role"), say("staff.column.state"), "id", box=None)
    for one, state in rows:
        table.add_row(one.login, one.role.value, say(f"staff.state.{state}"), f"[dim]{one.id}[/]")
    show(table)
    return Exit.DONE


async def show_code(runtime: Runtime, settings: Settings, *, login: str) -> Exit:
    """What the device of one of a demonstration's staff would show now. Raises NotFound `staff_unknown`."""
    wanted = [one for one in shown_staff(settings.data_dir) if one.login == login.strip().lower()]
    if not wanted:
        raise NotFound("staff_unknown")
    async with runtime.store(settings) as store:
        out.print(code_of(wanted[0].secret, await store.database.roughly_now()))
    return Exit.DONE


def _json(one: Staff, state: str) -> dict[str, object]:
    return {
        "id": one.id,
        "login": one.login,
        "role": one.role.value,
        "state": state,
        "created_at": one.created_at,
        "enrolled_at": one.enrolled_at,
        "disabled_at": one.disabled_at,
        "confirmed": one.confirmed,
    }


def _tell(invited: Invited, address: str, words: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"id": invited.id, "login": invited.login, "enrolment_code": invited.code, "until": invited.until})
        return
    err.print(f"[green]✓[/] {words}")
    out.print(invited.code)
    until = format_datetime(invited.until, locale(), zone="UTC") + " UTC"
    err.print(f"[dim]{say('staff.code_once', until=until, address=address)}[/]")
