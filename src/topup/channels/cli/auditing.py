"""`topup audit`: the ledger replayed, whole or from a point on, with its signed heads where they were kept; the
counters of offers beside what was reserved, points beside what orders did with them, and the shops' stock beside its
movements and promised gifts.
"""

import asyncio
import contextlib
import json
import shlex
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from topup.channels.cli.exits import Exit
from topup.channels.cli.ports import Runtime, Store
from topup.channels.cli.screen import complain_in_words, err, interruption, out, print_json
from topup.channels.cli.speech import say, sentence_of
from topup.kernel.errors import Unavailable
from topup.ledger.audit import Audit, AuditReport
from topup.ledger.checkpoints import FILE, Checkpoint, keep, kept
from topup.ledger.faults import Fault
from topup.ledger.heads import HeadsRejected, head_document, head_export, read_heads
from topup.ledger.points import Point
from topup.ledger.snapshots import snapshot
from topup.offers.invariants import Miscounted, miscounted
from topup.offers.points import invariants as points
from topup.platform.i18n import format_number
from topup.platform.settings import Settings
from topup.shops.stock.invariants import Misheld, Unequal, misheld, unequal


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What kind of audit: compared with `heads`, from the head `start` on, going on where one was interrupted."""

    heads: Path | None = None
    start: Path | None = None
    resume: bool = False
    export: Path | None = None
    as_json: bool = False

    def again(self) -> str:
        """The command that goes on with it."""
        words = ["topup", "audit", "--resume"]
        for option, file in (("--heads", self.heads), ("--export-heads", self.export)):
            words += [option, str(file)] if file else []
        return shlex.join(words)


@dataclass(frozen=True, slots=True)
class Beside:
    """What is wrong in the books that the ledger does not keep; false where nothing is."""

    offers: list[Miscounted]
    points: list[points.Unequal]
    stock: list[Unequal]
    gifts: list[Misheld]

    def __bool__(self) -> bool:
        return bool(self.offers or self.points or self.stock or self.gifts)


async def audit_ledger(runtime: Runtime, settings: Settings, wanted: Wanted) -> Exit:
    """Replay the ledger, and write the heads of a sound one to `wanted.export`; then look through offers' counters,
    points and shops' stock.

    REFUSED when the ledger is not sound, or a counter, a sum of points or a level of stock is wrong. Raises
    HeadsRejected.
    """
    async with runtime.store(settings) as store:
        report = await _replay(store, await asyncio.to_thread(_beginning, wanted, store), wanted)
        async with store.database.read() as transaction:
            connection = transaction.connection
            wrong = Beside(
                await miscounted(connection),
                await points.unequal(connection),
                await unequal(connection),
                await misheld(connection),
            )
        if wanted.export is not None and report.sound:
            now = await store.database.roughly_now()
            _write(head_document(report.points, store.keyring, now=now), wanted.export)
    if wanted.as_json:
        print_json(_report_json(report, wanted, wrong))
    else:
        _tell(report, wanted)
        _tell_of_offers(wrong.offers)
        _tell_of_points(wrong.points)
        _tell_of_stock(wrong.stock)
        _tell_of_gifts(wrong.gifts)
    return Exit.DONE if report.sound and not wrong else Exit.REFUSED


async def export_head(runtime: Runtime, settings: Settings, *, file: Path | None) -> Exit:
    """Write the signed heads as they stand to `file`, or to standard output. Nothing is audited."""
    async with runtime.store(settings) as store, store.database.read() as transaction:
        document = await head_export(transaction.connection, store.keyring, now=transaction.now)
    if file is None:
        print_json(document)
        return Exit.DONE
    _write(document, file)
    out.print(f"[green]✓[/] {escape(say('audit.exported', file=file))}")
    return Exit.DONE


def _beginning(wanted: Wanted, store: Store) -> Audit:
    signed = _heads(wanted.heads, store)
    if wanted.resume:
        before = kept(store.settings.data_dir / FILE, store.keyring)
        return Audit(start=before.points, signed=signed, faults=before.faults, unfinished=before.unfinished)
    return Audit(start=_heads(wanted.start, store), signed=signed)


def _heads(path: Path | None, store: Store) -> dict[int, Point]:
    if path is None:
        return {}
    try:
        document = json.loads(path.read_text("utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise HeadsRejected("heads_unreadable") from error
    return read_heads(document, store.keyring)


async def _replay(store: Store, audit: Audit, wanted: Wanted) -> AuditReport:
    """Replay behind a bar. Whatever interrupts it, what was done is kept, and a whole one needs no checkpoint."""
    file = store.settings.data_dir / FILE
    now = await store.database.roughly_now()

    def note() -> None:
        keep(file, Checkpoint(audit.reached, audit.faults, audit.unfinished), store.keyring, now=now)

    try:
        with _bar(silent=wanted.as_json) as (bar, task):
            async with snapshot(store.database) as connections:
                report = await audit.run(
                    connections,
                    progress=lambda done, total: bar.update(task, completed=done, total=total),
                    on_lane=note,
                )
    except (asyncio.CancelledError, Unavailable) as error:
        note()
        words = escape(say("audit.interrupted", command=wanted.again()))
        if isinstance(error, Unavailable):
            err.print(words)
        else:
            interruption.tell(f"[dim]{words}[/]")
        raise
    file.unlink(missing_ok=True)
    return report


@contextlib.contextmanager
def _bar(*, silent: bool) -> Iterator[tuple[Progress, Any]]:
    bar = Progress(
        TextColumn("[dim]{task.description}[/]"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=err,
        transient=True,
        disable=silent or not err.is_terminal,
    )
    with bar:
        yield bar, bar.add_task(say("audit.running"), total=None)


def _write(document: dict[str, Any], path: Path) -> None:
    path.write_text(json.dumps(document, indent=2) + "\n", "utf-8")


def _tell(report: AuditReport, wanted: Wanted) -> None:
    if report.sound:
        figures = {"transfers": format_number(report.transfers, "en"), "lanes": report.lanes}
        out.print(f"[green]✓[/] {say('audit.good' if wanted.start is None else 'audit.good_since', **figures)}")
        if wanted.export is not None:
            out.print(f"  [dim]{escape(say('audit.exported', file=wanted.export))}[/]")
        return
    for fault in report.faults:
        err.print(f"  {escape(_words(fault))}")
    complain_in_words(say("audit.faulty", count=len(report.faults)), say("audit.faulty.do"))


def _tell_of_offers(wrong: list[Miscounted]) -> None:
    if not wrong:
        return
    for one in wrong:
        err.print(f"  {escape(say('audit.offer', **_counter(one)))}")
    complain_in_words(say("audit.offers_faulty", count=len(wrong)), say("audit.offers_faulty.do"))


def _tell_of_points(wrong: list[points.Unequal]) -> None:
    if not wrong:
        return
    for one in wrong:
        err.print(f"  {escape(say('audit.points', **_sum(one)))}")
    complain_in_words(say("audit.points_faulty", count=len(wrong)), say("audit.points_faulty.do"))


def _sum(one: points.Unequal) -> dict[str, str | int]:
    return {"account": one.account, "said": one.said, "there": one.there}


def _tell_of_stock(wrong: list[Unequal]) -> None:
    if not wrong:
        return
    for one in wrong:
        err.print(f"  {escape(say('audit.stock', **_level(one)))}")
    complain_in_words(say("audit.stock_faulty", count=len(wrong)), say("audit.stock_faulty.do"))


def _tell_of_gifts(wrong: list[Misheld]) -> None:
    if not wrong:
        return
    for one in wrong:
        err.print(f"  {escape(say('audit.gifts', **asdict(one)))}")
    complain_in_words(say("audit.gifts_faulty", count=len(wrong)), say("audit.gifts_faulty.do"))


def _level(one: Unequal) -> dict[str, str | int]:
    return {"place": one.place, "sku": one.sku, "level": one.level, "moved": one.moved}


def _counter(one: Miscounted) -> dict[str, str | int]:
    """What is told of a counter: not whose it is, nor by which code."""
    kind = one.scope.partition(":")[0]
    return {"lane": one.lane, "carrier": one.carrier_id, "campaign": one.campaign_id, "counter": kind}


def _words(fault: Fault) -> str:
    facts = {"lane": fault.lane, "sequence": fault.sequence, "subject": fault.subject}
    return sentence_of(f"fault_{fault.kind.value}", facts) or f"{fault.kind.value} {facts}"


def _report_json(report: AuditReport, wanted: Wanted, wrong: Beside) -> dict[str, Any]:
    return {
        "sound": report.sound and not wrong,
        "whole": wanted.start is None,
        "transfers": report.transfers,
        "lanes": report.lanes,
        "imbalance": report.imbalance,
        "faults": [
            {"kind": fault.kind.value, "lane": fault.lane, "sequence": fault.sequence, "subject": fault.subject}
            for fault in report.faults
        ],
        "offers": [_counter(one) for one in wrong.offers],
        "points": [_sum(one) for one in wrong.points],
        "stock": [_level(one) for one in wrong.stock],
        "gifts": [asdict(one) for one in wrong.gifts],
    }
