"""`topup share`: the price said back, one question, and what became of it."""

from dataclasses import dataclass
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from topup.catalogue.queries import CatalogueCache
from topup.channels.cli.exits import Exit
from topup.channels.cli.ports import Runtime
from topup.channels.cli.screen import ask, complain, complain_in_words, err, money_json, out, print_json, show
from topup.channels.cli.speech import locale, say, sentence_of
from topup.charging.sharing.desk import SharePrice, ShareView, Sharing
from topup.charging.sharing.rules import Wish
from topup.charging.sharing.states import ShareState
from topup.kernel.errors import Invalid, Unavailable
from topup.kernel.ids import ShareId, new_id
from topup.kernel.money import InvalidMoney, Money
from topup.kernel.msisdn import Msisdn, parse_msisdn
from topup.orders.wording import name_in, until_words
from topup.platform.i18n import format_money
from topup.platform.settings import Settings

PARTIES: Final = ("sender", "receiver")


@dataclass(frozen=True, slots=True)
class ShareAsked:
    """What was typed; `roaming` are those of PARTIES that roam."""

    sender: str
    receiver: str
    amount: str
    roaming: tuple[str, ...]
    yes: bool
    as_json: bool


async def share_credit(runtime: Runtime, settings: Settings, asked: ShareAsked) -> Exit:
    """Send credit from line to line, after asking. Raises the Problems of `Sharing`, and amount_unreadable."""
    if strange := sorted(set(asked.roaming) - set(PARTIES)):
        raise Invalid("roaming_unknown", found=strange, known=list(PARTIES))
    if not asked.yes and (asked.as_json or not err.is_terminal):
        complain_in_words(say("share.needs_yes"), say("share.needs_yes.do"))
        return Exit.USAGE
    async with runtime.store(settings) as store:
        sharing = Sharing(database=store.database, catalogue=CatalogueCache())
        sender = await sharing.sender(number=asked.sender)
        receiver = parse_msisdn(asked.receiver, region=sender.msisdn.country)
        conditions = tuple(f"{party}_roaming" for party in asked.roaming)
        wish = Wish(sender.msisdn, receiver, _amount(asked.amount, sender.currency), conditions)
        price = await sharing.price(wish=wish)
        if not asked.as_json:
            show(_priced(price))
        if not asked.yes and not ask(say("share.send_now", total=format_money(price.shared.total, locale()))):
            err.print(f"[dim]{say('share.not_sent')}[/]")
            return Exit.REFUSED
        share_id = ShareId(new_id("share", sender.lane))
        try:
            view = await sharing.send(share_id=share_id, wish=wish, asked_by="cli")
        except Unavailable as problem:
            # Perhaps it was begun: then it goes on by itself, and doing it again would send it twice.
            complain(problem)
            err.print(f"  {say('share.under_way')}\n  [dim]{say('share.id')}[/] {share_id}")
            return Exit.UNRESOLVED
    return _conclude(view, receiver, as_json=asked.as_json)


def _amount(text: str, currency: str) -> Money:
    try:
        return Money.from_major(text, currency)
    except InvalidMoney as error:
        raise Invalid("amount_unreadable", currency=currency) from error


def _priced(price: SharePrice) -> RenderableType:
    """Who gets it, how much, what it costs, and until when it may be used."""
    heading = Text(" ")
    heading.append(f"{price.wish.sender.grouped()} → {price.wish.receiver.grouped()}", style="bold green")
    heading.append(f"  {name_in(price.carrier_names, locale=locale())}", style="dim")
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(min_width=28)
    table.add_column(justify="right")
    shared = price.shared
    table.add_row(f"  {say('share.amount')}", format_money(shared.amount, locale()))
    table.add_row(f"  {say('share.fee')}", format_money(shared.fee, locale()))
    table.add_row(f"  [bold]{say('share.total')}[/]", f"[bold]{format_money(shared.total, locale())}[/]")
    until = until_words(shared.grant.validity.usable_until, zone=price.zone, locale=locale())
    return Group(heading, Text(""), table, Text(""), Text(f"  {say('share.ends')}: {until}", style="dim"))


def _conclude(view: ShareView, receiver: Msisdn, *, as_json: bool) -> Exit:
    share = view.share
    codes = {ShareState.SHARED: Exit.DONE, ShareState.RETURNED: Exit.REFUSED}
    code = codes.get(share.state, Exit.UNRESOLVED)
    if as_json:
        print_json(share_json(view))
        return code
    amount, total = format_money(share.amount, locale()), format_money(share.total, locale())
    reason = sentence_of(share.reason, {}) if share.reason else None
    returned = (
        say("share.returned_because", total=total, reason=reason) if reason else say("share.returned", total=total)
    )
    words = {
        Exit.DONE: ("[bold green]✓[/]", say("share.done", amount=amount, number=receiver.grouped())),
        Exit.REFUSED: ("[bold red]✗[/]", returned),
        Exit.UNRESOLVED: ("[bold yellow]…[/]", say("share.under_way")),
    }[code]
    out.print(f" {words[0]}  [bold]{escape(words[1])}[/]")
    out.print(f"    [dim]{say('share.id')}[/]  {share.id}")
    return code


def share_json(view: ShareView) -> dict[str, Any]:
    """A share for programs: the names of the REST API."""
    share = view.share
    return {
        "id": share.id,
        "status": share.state.value,
        "reason": share.reason,
        "sender": share.sender_msisdn,
        "receiver": share.receiver_msisdn,
        "amount": money_json(share.amount),
        "fee": money_json(share.fee),
        "total": money_json(share.total),
        "usable_until": share.usable_until,
        "timeline": [{"state": step.state, "at": step.at, "cause": step.cause} for step in view.steps],
        "created_at": share.created_at,
        "final": view.final,
    }
