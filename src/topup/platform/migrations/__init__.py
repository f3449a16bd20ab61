"""The schema's history: one line of Alembic revisions that run SQL files, then SQL that may be run again.

Promise: any number of processes may call `migrate` at the same time, on a new database, an old one or a current one;
one does the work, the others wait and find it done. A database newer than the code is refused untouched.
"""

import contextlib
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import errors, sql
from psycopg.conninfo import make_conninfo

from topup.kernel.errors import Conflict, Unavailable, WhoMustAct
from topup.platform.database import APPLICATION_ROLE, LEDGER_ROLE, OLDEST, too_old, unreachable

HEAD: Final = "0001"
"""The newest revision this code knows; a test holds it against the files."""

SQL: Final = Path(__file__).parent / "sql"

_HERE: Final = Path(__file__).parent
_ROOMS: Final = _HERE.parent.parent
_ROLES: Final = (LEDGER_ROLE, APPLICATION_ROLE)
_LOCK: Final = 0x746F707570  # "topup": the advisory lock of migrations
_CONNECT_S: Final = 10
_ENCODING: Final = "UTF8"

Connection = psycopg.Connection[tuple[Any, ...]]


def migrate(url: str) -> str:
    """Bring the database of `url` up to date as its owner and give its revision.

    Raises Unavailable: `database_unreachable`, `database_too_old`, `database_not_utf8`, `database_roles_missing` (an
    administrator must run the named statements), and Conflict `database_newer`.
    """
    with _connect(url) as connection:
        if connection.info.server_version < OLDEST * 10_000:
            raise too_old(connection.info.server_version)
        _refuse_other_encodings(connection)
        connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
        _ensure_roles(connection)
        found = current_revision(connection)
        if found != HEAD:
            _upgrade(url, found)
        _repeat(connection, afresh=found != HEAD)
    return HEAD


def current_revision(connection: Connection) -> str | None:
    """The revision the database is at; None when it has never been migrated."""
    try:
        row = connection.execute("SELECT version_num FROM public.alembic_version").fetchone()
    except errors.UndefinedTable:
        return None
    return str(row[0]) if row else None


def run_files(connection: Connection, names: Sequence[str]) -> None:
    """Run `sql/<name>.sql` in order, inside the caller's transaction."""
    for name in names:
        connection.execute((SQL / f"{name}.sql").read_bytes(), prepare=False)


def repeatable_files() -> list[Path]:
    """SQL of functions, which is run again whenever it changed, in the order it is run."""
    ledger = _ROOMS / "ledger"
    after = ("crediting.sql", "plain.sql", "ordinary.sql", "posting.sql")
    files = [*sorted(_ROOMS.glob("*/functions.sql")), *(ledger / name for name in after)]
    return [file for file in files if file.exists()]


def _connect(url: str) -> Connection:
    try:
        return psycopg.connect(
            make_conninfo(url, application_name="topup-migrations"), autocommit=True, connect_timeout=_CONNECT_S
        )
    except psycopg.OperationalError as error:
        raise unreachable(error) from error


def _refuse_other_encodings(connection: Connection) -> None:
    """Names in Chinese must fit; and in SQL_ASCII PostgreSQL would not know what is a letter at all."""
    found = connection.info.parameter_status("server_encoding")
    if found == _ENCODING:
        return
    name, owner = (
        sql.Identifier(part).as_string() for part in (f"{connection.info.dbname}_utf8", connection.info.user)
    )
    raise Unavailable(
        "database_not_utf8",
        who=WhoMustAct.YOU,
        found=found or "unknown",
        statement=f"CREATE DATABASE {name} OWNER {owner} TEMPLATE template0 ENCODING '{_ENCODING}' LOCALE 'C';",
    )


def _ensure_roles(connection: Connection) -> None:
    """Create the two roles where they are missing, and become able to act as them.

    Roles belong to the whole cluster, and the advisory lock to one database: two databases may race here, and the loser
    finds the role made.
    """
    user = connection.info.user
    try:
        for role in _ROLES:
            if not _has_role(connection, role):
                try:
                    connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(role)))
                except (errors.DuplicateObject, errors.UniqueViolation):
                    continue
        for role in _ROLES:
            if not _may_become(connection, role):
                connection.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(role), sql.Identifier(user)))
    except errors.InsufficientPrivilege as error:
        quoted = sql.Identifier(user).as_string(connection)
        verb = (
            "GRANT {0} TO {1}"
            if all(_has_role(connection, role) for role in _ROLES)
            else "CREATE ROLE {0} NOLOGIN ROLE {1}"
        )
        raise Unavailable(
            "database_roles_missing",
            who=WhoMustAct.YOU,
            statements=[verb.format(role, quoted) + ";" for role in _ROLES],
        ) from error


def _has_role(connection: Connection, role: str) -> bool:
    return connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone() is not None


def _may_become(connection: Connection, role: str) -> bool:
    """Whether the connecting user may SET ROLE; since 16 membership alone does not say so."""
    kind = "SET" if connection.info.server_version >= 160_000 else "MEMBER"  # noqa: PLR2004 - PostgreSQL 16
    row = connection.execute("SELECT pg_has_role(%s::name, %s)", (role, kind)).fetchone()
    return bool(row and row[0])


def _upgrade(url: str, found: str | None) -> None:
    """Let Alembic walk from `found` to HEAD; imported here, for it takes longer than a start with nothing to do."""
    from alembic import command  # noqa: PLC0415 - see above
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415
    from sqlalchemy import create_engine, pool  # noqa: PLC0415

    configuration = Config()
    configuration.set_main_option("script_location", str(_HERE).replace("%", "%%"))
    known = {script.revision for script in ScriptDirectory.from_config(configuration).walk_revisions()}
    if found is not None and found not in known:
        raise Conflict("database_newer", found=found, known=HEAD)
    engine = create_engine("postgresql+psycopg://", creator=lambda: _owner(url), poolclass=pool.NullPool)
    with engine.connect() as bound:
        configuration.attributes["connection"] = bound
        command.upgrade(configuration, HEAD)
    engine.dispose()


def _owner(url: str) -> Connection:
    connection = _connect(url)
    connection.autocommit = False
    return connection


def _repeat(connection: Connection, *, afresh: bool) -> None:
    """Run the repeatable SQL that changed, all of it after an upgrade, each file in a transaction of its own."""
    connection.execute(
        "CREATE TABLE IF NOT EXISTS public.topup_repeatable (path text PRIMARY KEY, fingerprint text NOT NULL)"
    )
    for path, file in _named() if afresh else _changed(connection):
        with connection.transaction():
            connection.execute(file.read_bytes(), prepare=False)
            connection.execute(
                "INSERT INTO public.topup_repeatable VALUES (%s, %s)"
                " ON CONFLICT (path) DO UPDATE SET fingerprint = excluded.fingerprint",
                (path, _fingerprint(file)),
            )


def _changed(connection: Connection) -> list[tuple[str, Path]]:
    done: dict[str, str] = {}
    # Without the table nothing was ever run: all of it is new.
    with contextlib.suppress(errors.UndefinedTable):
        done = dict(connection.execute("SELECT path, fingerprint FROM public.topup_repeatable").fetchall())
    return [(path, file) for path, file in _named() if done.get(path) != _fingerprint(file)]


def _named() -> list[tuple[str, Path]]:
    return [(file.relative_to(_ROOMS).as_posix(), file) for file in repeatable_files()]


def _fingerprint(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
