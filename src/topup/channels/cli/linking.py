"""Links that open a prepared top-up, at the command line: for posters, wallets' pages, and shops."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from rich.markup import escape
from rich.table import Table

from topup.channels.cli.exits import Exit
from topup.channels.cli.ports import Runtime
from topup.channels.cli.screen import ID_WIDTH, money_json, out, print_json, show
from topup.channels.cli.speech import locale, say
from topup.kernel.errors import Invalid
from topup.kernel.money import InvalidMoney, Money
from topup.orders.desk import Desk
from topup.orders.links import BY_COMMAND, Link, LinkWanted
from topup.platform.i18n import format_moment, format_money
from topup.platform.settings import Settings


@dataclass(frozen=True, slots=True)
class LinkAsked:
    """What was typed; `currency` counts where there is no number to say it."""

    number: str | None
    amount: str | None
    product: str | None
    currency: str
    days: int
    label: str


async def create_link(runtime: Runtime, settings: Settings, asked: LinkAsked, *, as_json: bool) -> Exit:
    """Make a link, and say its address. Raises those of `Desk.make_link`, and amount_unreadable."""
    async with runtime.house(settings, outside=False) as house:
        link = await house.desk.make_link(await _wanted(house.desk, asked))
    address = _address(runtime, settings, link)
    if as_json:
        print_json(_json(link, address))
        return Exit.DONE
    out.print(f"[green]✓[/] {escape(address)}", soft_wrap=True)
    until = format_moment(link.expires_at, locale(), zone=settings.time_zone)
    out.print(f"  [dim]{escape(_what(link))} · {escape(say('links.until', at=until))}[/]")
    return Exit.DONE


async def _wanted(desk: Desk, asked: LinkAsked) -> LinkWanted:
    found = await desk.number(text=asked.number) if asked.number else None
    currency = found.currency if found else asked.currency
    try:
        amount = Money.from_major(asked.amount, currency) if asked.amount else None
    except InvalidMoney as error:
        raise Invalid("amount_unreadable", currency=currency) from error
    number = found.msisdn if found else None
    return LinkWanted(BY_COMMAND, number, asked.product, amount, timedelta(days=asked.days), asked.label)


async def list_links(runtime: Runtime, settings: Settings, *, as_json: bool) -> Exit:
    """The links of shops and of this command line; subscribers' own are theirs alone."""
    async with runtime.house(settings, outside=False) as house:
        links = await house.desk.links.of(maker=None)
        async with house.store.database.read() as transaction:
            now = transaction.now
    if as_json:
        print_json({"links": [_json(link, _address(runtime, settings, link)) for link in links]})
        return Exit.DONE
    if not links:
        out.print(f"[dim]{say('links.none')}[/]")
        return Exit.DONE
    table = Table(box=None, padding=(0, 2, 0, 1), show_header=False)
    table.add_column(min_width=ID_WIDTH)
    for link in links:
        until = format_moment(link.expires_at, locale(), zone=settings.time_zone)
        table.add_row(link.id, escape(_what(link)), escape(link.label), _standing(link, now, until))
    show(table)
    return Exit.DONE


async def revoke_link(runtime: Runtime, settings: Settings, *, link_id: str, as_json: bool) -> Exit:
    """Let a link lead nowhere any more. Raises NotFound link_unknown."""
    async with runtime.house(settings, outside=False) as house:
        link = await house.desk.links.revoke(link_id=link_id)
    if as_json:
        print_json(_json(link, _address(runtime, settings, link)))
    else:
        out.print(f"[green]✓[/] {say('links.stopped')}")
    return Exit.DONE


def _standing(link: Link, now: datetime, until: str) -> str:
    if link.revoked_at is not None:
        return f"[red]{say('links.revoked')}[/]"
    return f"[green]{say('links.until', at=until)}[/]" if link.opens(now) else f"[dim]{say('links.ended')}[/]"


def _what(link: Link) -> str:
    number = link.number.masked() if link.number else say("links.any_number")
    choice = format_money(link.amount, locale()) if link.amount else link.product or say("links.their_choice")
    return f"{number} · {choice}"


def _address(runtime: Runtime, settings: Settings, link: Link) -> str:
    return f"{runtime.address(settings)}/t/{link.id}"


def _json(link: Link, address: str) -> dict[str, Any]:
    """A link for programs: the names of the REST API."""
    return {
        "id": link.id,
        "url": address,
        "masked_number": link.number.masked() if link.number else None,
        "product": link.product,
        "amount": money_json(link.amount) if link.amount else None,
        "label": link.label,
        "created_at": link.created_at,
        "expires_at": link.expires_at,
        "revoked_at": link.revoked_at,
    }
