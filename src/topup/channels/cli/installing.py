"""Installing: the schema, and keys for those who call us."""

from pathlib import Path

from rich.markup import escape

from topup.channels.cli.exits import Exit
from topup.channels.cli.ports import Runtime
from topup.channels.cli.screen import complain_in_words, err, out, print_json
from topup.channels.cli.speech import say
from topup.kernel.errors import Invalid, NotFound, Unavailable, WhoMustAct
from topup.people import operations
from topup.people.permissions import Role
from topup.people.staff import id_of
from topup.platform.keys import KeyRing
from topup.platform.settings import Settings


async def upgrade(runtime: Runtime, settings: Settings) -> Exit:
    """Bring the schema up to date; a new database becomes a production installation."""
    async with runtime.install(settings) as store:
        kind = say("installation.demo" if store.installation.demo else "installation.production")
    out.print(f"[green]✓[/] {say('db_upgrade.done', kind=kind, lanes=store.installation.lanes)}")
    return Exit.DONE


async def create_key(
    runtime: Runtime, settings: Settings, *, role: str, label: str, login: str | None, as_json: bool
) -> Exit:
    """Make an API key and show its secret, once. The secret alone goes to standard output, fit for a pipe. Raises
    Invalid `key_of_agent`: whose float would it sell from? NotFound `staff_unknown`.
    """
    if role == Role.AGENT:
        raise Invalid("key_of_agent")
    async with runtime.store(settings) as store, store.database.transaction() as transaction:
        connection, now = transaction.connection, transaction.now
        holder = await id_of(connection, login=login) if login is not None else None
        if login is not None and holder is None:
            raise NotFound("staff_unknown")
        created = await operations.create_key(connection, role=Role(role), label=label, now=now, staff_id=holder)
    if as_json:
        print_json({"id": created.id, "role": created.role.value, "label": label, "secret": created.secret})
        return Exit.DONE
    err.print(f"[green]✓[/] {say('keys_create.done', role=created.role.value, id=created.id)}")
    out.print(created.secret)
    err.print(f"[dim]{say('keys_create.once')}[/]")
    return Exit.DONE


async def rotate_key(settings: Settings, *, purpose: str) -> Exit:
    """Sign or seal with a new key from now on. It needs no database: it mends an installation whose key is lost.

    Raises Unavailable `nothing_installed`.
    """
    folder = _keys_of(settings)
    kid = KeyRing(folder).rotate(purpose)
    out.print(f"[green]✓[/] {say('keys_rotate.done', kid=kid, purpose=purpose)}")
    err.print(f"[dim]{say('keys_rotate.keep', path=folder / purpose)}[/]")
    return Exit.DONE


async def restore_keys(settings: Settings) -> Exit:
    """Write the public halves again that follow from private ones; it needs no database either.

    Raises Unavailable `nothing_installed`.
    """
    written = KeyRing(_keys_of(settings)).restore_public()
    if not written:
        out.print(f"[green]✓[/] {say('keys_restore.nothing')}")
    for file in written:
        out.print(f"[green]✓[/] {escape(say('keys_restore.done', file=file))}")
    return Exit.DONE


def _keys_of(settings: Settings) -> Path:
    folder = settings.data_dir / "keys"
    if not folder.is_dir():
        raise Unavailable("nothing_installed", who=WhoMustAct.YOU, path=str(settings.data_dir))
    return folder


async def revoke_key(runtime: Runtime, settings: Settings, *, key_id: str) -> Exit:
    """End a key."""
    async with runtime.store(settings) as store, store.database.transaction() as transaction:
        ended = await operations.revoke_key(transaction.connection, key_id=key_id, now=transaction.now)
    if not ended:
        complain_in_words(say("keys_revoke.unknown"))
        return Exit.REFUSED
    out.print(f"[green]✓[/] {say('keys_revoke.done', id=key_id)}")
    return Exit.DONE
