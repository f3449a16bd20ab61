"""`topup offers explain`: which offers of a carrier's file a top-up would get, and why not the others."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from topup.catalogue.checking import CatalogueMistakes, check
from topup.catalogue.fees import fee_minor
from topup.catalogue.pricing import Priced, grants_of
from topup.catalogue.versions import CarrierVersion
from topup.channels.cli.exits import Exit
from topup.channels.cli.explaining import bought, moment_at, noon
from topup.channels.cli.files import tell_mistakes
from topup.channels.cli.ports import Runtime
from topup.channels.cli.screen import money_json, print_json, show
from topup.channels.cli.speech import locale, say
from topup.kernel.money import Money
from topup.offers.answers import CodeVerdict, Offer, Parameter, Reason, Verdict
from topup.offers.book import Book
from topup.offers.explaining import Explained, Shelf, Supposed, explain, shelf_of
from topup.offers.facts import Code, normalised
from topup.offers.wording import name_words, reason_words
from topup.orders.wording import amount_words, line_words, until_words
from topup.platform.i18n import format_datetime, format_money
from topup.platform.settings import Settings
from topup.shops.queries import Directories
from topup.shops.stock.gifts import Free


@dataclass(frozen=True, slots=True)
class Asked:
    """What was typed. Codes that their campaign makes one by one are taken as made, limits as not yet used. `channel`
    None: the counter where a `shop` is named, else the web.
    """

    file: Path
    product: str
    coupons: tuple[str, ...]
    channel: str | None
    shop: str | None
    on: str | None
    points: int
    is_first: bool
    as_json: bool


async def explain_offers(runtime: Runtime, settings: Settings, asked: Asked) -> Exit:
    """Explain. A shop's stock is looked up in this installation; nothing else of it is. Raises Invalid for what cannot
    be read, NotFound `shop_unknown`, and the problems of the price.
    """
    try:
        found = await asyncio.to_thread(check, asked.file)
    except CatalogueMistakes as mistakes:
        return tell_mistakes(mistakes)
    carrier = CarrierVersion(found.document.id, 0, found.document)
    now = moment_at(asked.on, carrier.zone, day=noon) if asked.on else datetime.now(UTC)
    product, amount = bought(asked.product, carrier)
    codes = tuple(Code(normalised(text), made=True) for text in asked.coupons)
    book, shelf = Book(carrier), None
    if asked.shop:
        async with runtime.store(settings) as store, store.database.read() as transaction:
            connection = transaction.connection
            shelf = await shelf_of(connection, await Directories().current(connection), asked.shop, book)
    supposed = Supposed(
        asked.channel or ("counter" if shelf else "web"),
        now,
        is_first=asked.is_first,
        codes=codes,
        points=asked.points,
        gifts=shelf.pieces if shelf else None,
    )
    told = explain(book, supposed, product=product, amount=amount)
    print_json(_json(book, told, shelf)) if asked.as_json else show(_explained(book, told, shelf))
    return Exit.DONE


def _explained(book: Book, told: Explained, shelf: Shelf | None) -> RenderableType:
    carrier, offer, now = told.carrier, told.offer, told.now
    zone = carrier.document.time_zone
    heading = Text(" ").append(carrier.name(locale()), style="bold green")
    heading.append(f"  {format_datetime(now, locale(), zone=zone)} ({zone})", style="dim")
    parts: list[RenderableType] = [heading, *_section("explain.price", _prices(carrier, told.priced, offer))]
    given = list(_given(carrier, offer, now))
    if given:
        parts += _section("offers.given", _rows(given))
    if shelf is not None:
        parts += [Text(""), Text(f" {say('offers.shelf', shop=name_words(shelf.shop.names, locale=locale()))}", "bold")]
        parts.append(_rows((sku, _on_shelf(one, sent_from)) for (sent_from, sku), one in shelf.gifts.items()))
    if offer.verdicts:
        parts += _section("offers.why", _reasons(offer.verdicts))
    if offer.codes:
        parts += _section("offers.codes", _reasons(offer.codes))
        if any(_is_own(one, book) for one in offer.codes):
            parts.append(Text(f"  {say('offers.codes_as_example')}", style="yellow"))
    return Group(*parts)


def _is_own(one: CodeVerdict, book: Book) -> bool:
    """Whether a code is one of those its campaign makes one by one: the file cannot know whether it was made."""
    entry = book.of_code(one.code)
    return entry is not None and entry.campaign.coupon is not None and entry.campaign.coupon.prefix is not None


def _on_shelf(one: Free | None, sent_from: str) -> str:
    left = say("offers.shelf_none") if one is None else say("offers.shelf_free", count=one.pieces)
    return f"{left} · {say('offers.gift_sent', place=sent_from)}" if sent_from else left


def _section(title: str, content: RenderableType) -> list[RenderableType]:
    return [Text(""), Text(f" {say(title)}", style="bold"), content]


def _prices(carrier: CarrierVersion, priced: Priced, offer: Offer) -> Table:
    table = _rows(())
    table.columns[1].justify = "right"
    for line in (*priced.lines, *offer.lines):
        words = line_words(line.type, line.label_id, line.parameters, locale=locale())
        table.add_row(words, format_money(line.amount, locale()))
    table.add_row(f"[bold]{say('price.total')}[/]", f"[bold]{format_money(offer.total, locale())}[/]")
    for method, steps in carrier.document.fees.payment.items():
        fee = Money(fee_minor(steps, offer.total.amount_minor), carrier.currency)
        table.add_row(f"[dim]{say('explain.fee', method=method)}[/]", f"[dim]{format_money(fee, locale())}[/]")
    return table


def _given(carrier: CarrierVersion, offer: Offer, now: datetime) -> Iterable[tuple[str, str]]:
    """What comes with it, and until when."""
    for grant in grants_of(carrier, offer.grants, now):
        what = amount_words(grant.asset, grant.amount, locale=locale())
        yield what, until_words(grant.validity.usable_until, zone=carrier.document.time_zone, locale=locale())
    for gift in offer.gifts:
        sent = say("offers.gift_sent", place=gift.sent_from) if gift.sent_from else ""
        yield say("offers.gift", sku=gift.sku, count=gift.quantity), sent
    if offer.earned:
        yield say("offers.earned", points=offer.earned), ""


def _rows(rows: Iterable[tuple[str, str]]) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 2), pad_edge=True)
    table.add_column(min_width=24)
    table.add_column()
    for row in rows:
        table.add_row(*row)
    return table


def _reasons(verdicts: Iterable[Verdict | CodeVerdict]) -> Table:
    table = _rows(())
    for one in verdicts:
        applies = one.reason is Reason.APPLIED
        style = "green" if applies else "dim"
        table.add_row(
            Text(f"{'✓' if applies else '–'} {_called(one)}", style="" if applies else "dim"),
            Text(reason_words(one, locale=locale()), style=style),
        )
    return table


def _called(one: Verdict | CodeVerdict) -> str:
    name = name_words(one.names, locale=locale()) if one.names else ""
    if isinstance(one, CodeVerdict):
        return f"{one.code}  {name}".rstrip()
    return f"{name} ({one.campaign_id})"


def _json(book: Book, told: Explained, shelf: Shelf | None) -> dict[str, Any]:
    """The same for programs: amounts in minor units, reasons as words of `answers.Reason` with their parameters. `free`
    of a shop's gift is null where it is not kept there; a code `as_example` was not looked up among those made.
    """
    carrier, offer, now = told.carrier, told.offer, told.now
    stock = shelf.gifts.items() if shelf else ()
    return {
        "carrier": carrier.carrier_id,
        "at": now,
        "price": money_json(offer.price),
        "total": money_json(offer.total),
        "applied": [
            {"campaign": one.campaign.id, "off_minor": one.off_minor, "code": one.code} for one in offer.applied
        ],
        "points": {"spent": offer.points.spent, "off_minor": offer.points.spent_minor, "earned": offer.earned},
        "grants": [{"asset": grant.asset, "amount": grant.amount, "kind": grant.kind} for grant in offer.grants],
        "gifts": [{"sku": gift.sku, "quantity": gift.quantity, "sent_from": gift.sent_from} for gift in offer.gifts],
        "shop": {
            "id": shelf.shop.id,
            "gifts": [
                {"sku": sku, "sent_from": sent_from or None, "free": one.pieces if one else None}
                for (sent_from, sku), one in stock
            ],
        }
        if shelf
        else None,
        "campaigns": [
            {"campaign": one.campaign_id, "reason": one.reason, "parameters": _plain(one)} for one in offer.verdicts
        ],
        "codes": [
            {
                "code": one.code,
                "campaign": one.campaign_id,
                "reason": one.reason,
                "parameters": _plain(one),
                "as_example": _is_own(one, book),
            }
            for one in offer.codes
        ],
    }


def _plain(one: Verdict | CodeVerdict) -> dict[str, Any]:
    return {name: _plain_value(value) for name, value in one.parameters.items()}


def _plain_value(value: Parameter) -> Any:
    if isinstance(value, Money):
        return money_json(value)
    return value.isoformat() if isinstance(value, date) else value
