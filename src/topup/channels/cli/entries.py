"""`topup entry`: a bucket, a hold, a transfer or an adjustment, found by its id whatever became of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from rich.console import Group
from rich.table import Table
from rich.text import Text

from topup.catalogue.queries import CatalogueCache
from topup.channels.cli.exits import Exit
from topup.channels.cli.ports import Runtime
from topup.channels.cli.screen import ID_WIDTH, print_json, show
from topup.channels.cli.speech import locale, say
from topup.charging.adjustments import Adjustments
from topup.charging.line_books import LineBooks
from topup.kernel.errors import NotFound
from topup.lines.wording import moment_words
from topup.orders.wording import amount_words
from topup.platform.database import Database
from topup.platform.settings import Settings

UTC_ZONE: Final = "UTC"


@dataclass(frozen=True, slots=True)
class Entry:
    """What was found: its `kind`, and its facts under the names of the REST API, those that people look at first.

    Instants are told to people by the clocks of `zone`.
    """

    kind: str
    facts: Mapping[str, Any]
    zone: str


async def show_entry(runtime: Runtime, settings: Settings, *, entry_id: str, as_json: bool) -> Exit:
    """Show it. Raises NotFound entry_unknown, and that of its kind where there is none of that id."""
    async with runtime.store(settings) as store:
        entry = await _find(store.database, entry_id)
    if as_json:
        print_json({"entry": entry.kind, **entry.facts})
        return Exit.DONE
    heading = Text(" ").append(say(f"entry.{entry.kind}"), style="bold")
    status = entry.facts["status"]
    heading.append(f"  {say(f'entry.status.{status}')}", style="bold green")
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 2), pad_edge=True)
    table.add_column(style="dim")
    table.add_column(min_width=ID_WIDTH)
    for name, value in entry.facts.items():
        if name not in {"status", "asset"} and value is not None:
            table.add_row(say(f"entry.fact.{name}"), _words(entry, name, value))
    show(Group(heading, table))
    return Exit.DONE


def _words(entry: Entry, name: str, value: object) -> str:
    if name == "reason":
        return say(f"adjust.reason.{value}")
    if isinstance(value, datetime):
        return moment_words(value, zone=entry.zone, locale=locale())
    if isinstance(value, int):
        return amount_words(entry.facts["asset"], value, locale=locale())
    return str(value)


async def _find(database: Database, entry_id: str) -> Entry:
    books = LineBooks(database=database, catalogue=CatalogueCache())
    match entry_id[:4]:
        case "acc_":
            return await _bucket(books, entry_id)
        case "hol_":
            return await _hold(books, entry_id)
        case "trf_":
            return await _transfer(books, entry_id)
        case "adj_":
            return await _adjustment(database, entry_id)
    raise NotFound("entry_unknown")


async def _bucket(books: LineBooks, bucket_id: str) -> Entry:
    view = await books.bucket(bucket_id=bucket_id)
    bucket, closed_at = view.row.bucket, view.row.closed_at
    facts = {
        "id": bucket.id,
        "status": "closed" if closed_at else "usable" if bucket.is_usable(view.now) else "ended",
        "line_id": bucket.line_id,
        "asset": bucket.asset,
        "amount": bucket.balance,
        "held": bucket.held,
        "kind": bucket.kind,
        "opened_at": bucket.opened_at,
        "usable_until": bucket.usable_until,
        "forfeit_at": bucket.forfeit_at,
        "closed_at": closed_at,
    }
    return Entry("bucket", facts, view.zone)


async def _hold(books: LineBooks, hold_id: str) -> Entry:
    view = await books.hold(hold_id=hold_id)
    hold = view.row
    facts = {
        "id": hold.id,
        "status": hold.state,
        "line_id": hold.line_id,
        "asset": hold.asset,
        "amount": hold.amount,
        "settled": hold.settled,
        "purpose": hold.purpose,
        "reference": hold.reference,
        "created_at": hold.created_at,
        "expires_at": hold.expires_at,
        "closed_at": hold.closed_at,
    }
    return Entry("hold", facts, view.zone)


async def _transfer(books: LineBooks, transfer_id: str) -> Entry:
    view = await books.transfer(transfer_id=transfer_id)
    transfer = view.row
    facts = {
        "id": transfer_id,
        "status": "posted",
        "line_id": view.line_id,
        "asset": transfer.asset,
        "amount": transfer.amount,
        "debit": transfer.debit,
        "credit": transfer.credit,
        "purpose": transfer.purpose,
        "reference": transfer.reference,
        "created_at": transfer.created_at,
        "usable_until": transfer.usable_until,
    }
    return Entry("transfer", facts, view.zone)


async def _adjustment(database: Database, adjustment_id: str) -> Entry:
    made = await Adjustments(database=database, catalogue=CatalogueCache()).get(adjustment_id=adjustment_id)
    facts = {
        "id": made.id,
        "status": made.state.value,
        "line_id": made.line_id,
        "asset": made.currency,
        "amount": made.amount_minor,
        "reason": made.reason.value,
        "note": made.note or None,
        "made_by": made.made_by,
        "created_at": made.created_at,
        "updated_at": made.state_since,
    }
    return Entry("adjustment", facts, UTC_ZONE)
