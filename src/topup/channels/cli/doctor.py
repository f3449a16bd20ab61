"""`topup doctor`: looks at everything that can be looked at, and says of each what to do."""

import asyncio
import os
import shutil
import socket
import stat
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from rich.cells import cell_len
from rich.markup import escape

from topup.catalogue.queries import Snapshot
from topup.channels.cli.doctor_plugins import plugin_findings
from topup.channels.cli.exits import Exit
from topup.channels.cli.findings import Finding, Level
from topup.channels.cli.ports import Runtime, Store
from topup.channels.cli.screen import out, print_json
from topup.channels.cli.speech import say, say_problem
from topup.kernel.errors import Problem
from topup.notifications import queries as notifications
from topup.platform.settings import Settings
from topup.work import queries as work

_LEAST_FREE: Final = 1 << 30
"""Bytes; PostgreSQL needs room to write before it can tidy."""
_CLOCKS_APART: Final = timedelta(seconds=5)
_LATE: Final = timedelta(minutes=15)
_KNOCK_S: Final = 1.0


_MARKS: Final = {
    Level.GOOD: "[green]✓[/]",
    Level.WARNING: "[yellow]![/]",
    Level.BROKEN: "[bold red]✗[/]",
    Level.SKIPPED: "[dim]–[/]",
}


async def examine(runtime: Runtime, settings: Settings, *, as_json: bool) -> Exit:
    """Run every check that can be run; REFUSED when something is broken."""
    findings = [_data_dir(settings), _disk(settings)]
    findings += await _installation(runtime, settings)
    findings.append(await _server(settings))
    if as_json:
        found = [
            {"check": item.check, "level": item.level.value, "what": item.what, "remedy": item.remedy}
            for item in findings
        ]
        print_json({"findings": found})
    else:
        _show(findings)
    return Exit.REFUSED if any(item.level is Level.BROKEN for item in findings) else Exit.DONE


def _show(findings: list[Finding]) -> None:
    out.print()
    names = {finding.check: finding.name or say(f"check.{finding.check}") for finding in findings}
    width = max(map(cell_len, names.values()))
    for finding in findings:
        name = names[finding.check] + " " * (width - cell_len(names[finding.check]))
        out.print(f" {_MARKS[finding.level]} [bold]{name}[/]  {escape(finding.what)}")
        if finding.remedy:
            out.print(f"   {' ' * width}  [dim]→ {escape(finding.remedy)}[/]")
    good = sum(item.level is Level.GOOD for item in findings)
    skipped = sum(item.level is Level.SKIPPED for item in findings)
    words = "doctor.summary_skipped" if skipped else "doctor.summary"
    summary = say(words, good=good, bad=len(findings) - good - skipped, skipped=skipped)
    out.print(f"\n [dim]{summary}[/]\n")


def _good(check: str, message_id: str, **parameters: object) -> Finding:
    return Finding(check, Level.GOOD, say(message_id, **parameters))


def _bad(check: str, level: Level, message_id: str, **parameters: object) -> Finding:
    return Finding(check, level, say(message_id, **parameters), say(f"{message_id}.do", **parameters))


def _data_dir(settings: Settings) -> Finding:
    path = settings.data_dir
    if not path.exists():
        return _bad("data_dir", Level.WARNING, "data_dir.absent", path=path)
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o067:
        return _bad("data_dir", Level.BROKEN, "data_dir.open", path=path, mode=f"{mode:04o}")
    if settings.database_url is None and not os.access(path, os.W_OK | os.X_OK):
        return _bad("data_dir", Level.BROKEN, "data_dir.closed", path=path)
    return _good("data_dir", "data_dir.good", path=path)


def _disk(settings: Settings) -> Finding:
    place = next((folder for folder in (settings.data_dir, *settings.data_dir.parents) if folder.exists()), Path("/"))
    free = shutil.disk_usage(place).free
    gigabytes = f"{free / (1 << 30):.1f}"
    if free < _LEAST_FREE:
        return _bad("disk", Level.BROKEN, "disk.full", free=gigabytes, path=place)
    return _good("disk", "disk.good", free=gigabytes)


async def _installation(runtime: Runtime, settings: Settings) -> list[Finding]:
    """What can be seen only from inside; where that is closed, why."""
    checks: list[tuple[str, Callable[[Store], Awaitable[Finding]]]] = [
        ("database", _database),
        ("clock", _clock),
        ("catalogue", _catalogue),
        ("messages", _messages),
        ("work", _work),
    ]
    findings = []
    try:
        async with runtime.store(settings) as store:
            for name, check in checks:
                findings.append(await _guarded(name, check(store)))
            findings.append(_plugins(runtime, store))
            findings += await plugin_findings(runtime, store)
            findings.append(_good("keys", "keys.good"))
    except Problem as problem:
        about = "keys" if problem.code.startswith("keys_") else "database"
        findings = [item for item in findings if item.check != about]
        findings.append(Finding(about, Level.BROKEN, *say_problem(problem)))
        names = [name for name, _ in checks] + ["plugins", "keys"]
        seen = {item.check for item in findings}
        why = say("doctor.skipped", check=say(f"check.{about}"))
        findings += [Finding(name, Level.SKIPPED, why) for name in names if name not in seen]
    return findings


async def _guarded(name: str, check: Awaitable[Finding]) -> Finding:
    try:
        return await check
    except Problem as problem:
        return Finding(name, Level.BROKEN, *say_problem(problem))


async def _database(store: Store) -> Finding:
    async with store.database.read() as transaction:
        version = transaction.connection.info.server_version // 10_000
    kind = say("installation.demo" if store.installation.demo else "installation.production")
    where = say("database.own" if store.settings.database_url is None else "database.given")
    return _good("database", "database.good", version=version, where=where, kind=kind)


async def _clock(store: Store) -> Finding:
    async with store.database.read() as transaction:
        apart = abs(transaction.now - store.database.clock_offset - datetime.now(UTC))
    seconds = round(apart.total_seconds())
    if apart > _CLOCKS_APART:
        return _bad("clock", Level.WARNING, "clock.apart", seconds=seconds)
    return _good("clock", "clock.good")


async def _catalogue(store: Store) -> Finding:
    async with store.database.read() as transaction:
        carriers = (await Snapshot.load(transaction.connection)).carriers()
    if not carriers:
        return _bad("catalogue", Level.WARNING, "catalogue.empty")
    return _good("catalogue", "catalogue.good", count=len(carriers))


async def _messages(store: Store) -> Finding:
    async with store.database.read() as transaction:
        oldest = await notifications.oldest_due(transaction.connection)
        late = transaction.now - oldest if oldest is not None else timedelta()
    if late > _LATE:
        return _bad("messages", Level.WARNING, "messages.late", minutes=int(late / timedelta(minutes=1)))
    return _good("messages", "messages.good")


async def _work(store: Store) -> Finding:
    async with store.database.read() as transaction:
        counts = await work.open_counts(transaction.connection)
    if counts:
        kinds = ", ".join(f"{kind} × {count}" for kind, count in counts.items())
        return _bad("work", Level.WARNING, "work.waiting", count=sum(counts.values()), kinds=kinds)
    return _good("work", "work.good")


def _plugins(runtime: Runtime, store: Store) -> Finding:
    if store.installation.demo:
        return _good("plugins", "plugins.demo")
    try:
        names = runtime.plugins(store.settings, demo=False)
    except Problem as problem:
        return Finding("plugins", Level.BROKEN, *say_problem(problem))
    if not names["payments"]:
        return _bad("plugins", Level.WARNING, "plugins.no_payment")
    return _good("plugins", "plugins.good", names=", ".join(name for kind in names.values() for name in kind))


async def _server(settings: Settings) -> Finding:
    """Whether something answers where the server would."""
    host, port = settings.host, settings.port
    try:
        async with asyncio.timeout(_KNOCK_S):
            _, writer = await asyncio.open_connection(host, port)
        writer.close()
    except (OSError, TimeoutError, socket.gaierror):
        return _good("server", "server.absent", host=host, port=port)
    return _good("server", "server.present", host=host, port=port)
