"""The stock of shops, and their printers, at the command line."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final
from uuid import uuid4

from rich.markup import escape
from rich.table import Table

from topup.channels.cli.exits import Exit
from topup.channels.cli.ports import Runtime
from topup.channels.cli.screen import complain_in_words, out, print_json, show
from topup.channels.cli.speech import locale, say
from topup.kernel.errors import NotFound
from topup.kernel.outcome import Done, NotSent, Refused, Unknown
from topup.orders.papers import trial_paper
from topup.platform.i18n import DEFAULT_LOCALE, format_datetime, translate
from topup.platform.settings import Settings
from topup.shops.places import Texts
from topup.shops.stock import queries
from topup.shops.stock.desk import Stock
from topup.shops.stock.movements import OUTSIDE, Act, Moved, Movement
from topup.shops.stock.queries import Count, Item

_BY: Final = "cli"


@dataclass(frozen=True, slots=True)
class Step:
    """What was typed of pieces that go from a place to another; without a key it is a step of its own."""

    act: Act
    sku: str
    source: str
    target: str
    pieces: int
    key: str = ""
    reason: str = ""

    def movement(self) -> Movement:
        """The movement it asks for."""
        key = self.key or str(uuid4())
        return Movement(key, self.act, self.sku, self.source, self.target, self.pieces, _BY, reason=self.reason)


async def add_item(runtime: Runtime, settings: Settings, *, sku: str, kind: str, names: Mapping[str, str]) -> Exit:
    """Something that shops may have from now on. Raises those of `operations.add_item`."""
    item = Item(sku, kind, {language: name for language, name in names.items() if name})
    async with runtime.store(settings) as store:
        await Stock(database=store.database, lanes=store.installation.lanes).add_item(item, by=_BY)
    out.print(f" [bold green]✓[/]  {escape(_name(item.names))} [dim]{sku}[/]")
    return Exit.DONE


async def move_pieces(runtime: Runtime, settings: Settings, step: Step) -> Exit:
    """Move pieces, once for a key; say what the shops have then. Raises those of `Stock.move`."""
    async with runtime.store(settings) as store:
        moved = await Stock(database=store.database, lanes=store.installation.lanes).move(step.movement())
        async with store.database.read() as transaction:
            left = {
                place: await queries.level(transaction.connection, place, step.sku)
                for place in (step.source, step.target)
            }
    said = say(f"stock.{moved.movement.act}", pieces=step.pieces, sku=step.sku)
    out.print(f" [bold green]✓[/]  [bold]{escape(said)}[/]")
    for place, pieces in left.items():
        if place not in OUTSIDE:
            out.print(f"    [dim]{escape(place)}[/]  {pieces}")
    return Exit.DONE


async def count_pieces(
    runtime: Runtime, settings: Settings, *, shop: str, sku: str, pieces: int, key: str, as_json: bool
) -> Exit:
    """Write down a count; what differs is said only now. Raises those of `Stock.count`."""
    async with runtime.store(settings) as store:
        stock = Stock(database=store.database, lanes=store.installation.lanes)
        found = await stock.count(Count(key or str(uuid4()), shop, sku, pieces, _BY))
    if as_json:
        print_json(asdict(found) | {"difference": found.difference})
        return Exit.DONE
    mark = "[bold green]✓[/]" if not found.difference else "[bold yellow]![/]"
    words = "stock.counted_right" if not found.difference else "stock.counted_otherwise"
    out.print(f" {mark}  {escape(say(words, counted=found.counted, expected=found.expected, sku=sku))}")
    return Exit.DONE


async def list_items(runtime: Runtime, settings: Settings, *, as_json: bool) -> Exit:
    """What shops may have."""
    async with runtime.store(settings) as store, store.database.read() as transaction:
        found = await queries.items(transaction.connection)
    if as_json:
        print_json({"items": [asdict(item) for item in found]})
        return Exit.DONE
    table = Table(box=None, padding=(0, 2, 0, 1), show_header=False)
    for item in found:
        table.add_row(item.sku, say(f"stock_kind.{item.kind}"), escape(_name(item.names)))
    show(table)
    return Exit.DONE


async def list_levels(runtime: Runtime, settings: Settings, *, shop: str | None, as_json: bool) -> Exit:
    """What shops have."""
    async with runtime.store(settings) as store, store.database.read() as transaction:
        found = await queries.levels(transaction.connection, shop)
    if as_json:
        print_json(
            {
                "levels": [
                    {"shop": one.place, "sku": one.item.sku, "pieces": one.quantity, "held": one.held} for one in found
                ]
            }
        )
        return Exit.DONE
    table = Table(box=None, padding=(0, 2, 0, 1), show_header=False)
    table.add_column()
    table.add_column()
    table.add_column()
    table.add_column(justify="right")
    table.add_column()
    for one in found:
        held = say("stock.held", count=one.held) if one.held else ""
        table.add_row(one.place, one.item.sku, escape(_name(one.item.names)), str(one.quantity), held)
    show(table)
    return Exit.DONE


async def list_history(runtime: Runtime, settings: Settings, *, shop: str, as_json: bool) -> Exit:
    """What came into a shop and left it, the newest first."""
    async with runtime.store(settings) as store, store.database.read() as transaction:
        found = await queries.history(transaction.connection, shop)
    if as_json:
        print_json({"movements": [asdict(one.movement) | {"id": one.id, "at": one.at} for one in found]})
        return Exit.DONE
    table = Table(box=None, padding=(0, 2, 0, 1), show_header=False)
    for one in found:
        table.add_row(*_told(one, shop, settings.time_zone))
    show(table)
    return Exit.DONE


async def list_printers(runtime: Runtime, settings: Settings, *, as_json: bool) -> Exit:
    """The printers of tills, and how each stands."""
    async with runtime.store(settings) as store:
        printers = runtime.printers(settings, demo=store.installation.demo)
        found = {till: await printers[till].standing(till) for till in sorted(printers)}
    if as_json:
        print_json({"printers": [{"till": till, "trouble": one.trouble} for till, one in found.items()]})
        return Exit.DONE
    table = Table(box=None, padding=(0, 2, 0, 1), show_header=False)
    for till, one in found.items():
        words = _trouble(one.trouble) if one.trouble else f"[green]{say('printers.ready')}[/]"
        table.add_row(till, words)
    show(table)
    return Exit.DONE


async def try_printer(runtime: Runtime, settings: Settings, *, till: str) -> Exit:
    """Print a trial at a till. Raises NotFound printer_unknown."""
    async with runtime.store(settings) as store:
        printers = runtime.printers(settings, demo=store.installation.demo).get(till)
        if printers is None:
            raise NotFound("printer_unknown", till=till)
        async with store.database.read() as transaction:
            at = format_datetime(transaction.now, locale(), zone=settings.time_zone)
        outcome = await printers.print(till, trial_paper(till=till, locale=locale(), at=at))
    match outcome:
        case Done():
            out.print(f" [bold green]✓[/]  {say('printers.printed')}")
            return Exit.DONE
        case NotSent(detail=detail) | Unknown(detail=detail) | Refused(code=detail):
            complain_in_words(_trouble(detail), translate(locale(), "printing", f"trouble.{detail}.do"))
        case _:
            complain_in_words(_trouble("silent"))
    return Exit.REFUSED


def _trouble(code: str) -> str:
    return translate(locale(), "printing", f"trouble.{code}")


def _told(one: Moved, shop: str, zone: str) -> list[str]:
    movement = one.movement
    came = movement.target == shop
    return [
        format_datetime(one.at, locale(), zone=zone),
        f"{'+' if came else '-'}{movement.quantity}",
        movement.sku,
        say(f"stock_act.{movement.act}"),
        escape(movement.reference or movement.reason),
        escape(movement.by),
    ]


def _name(names: Texts) -> str:
    return names.get(locale()) or names[DEFAULT_LOCALE]
