"""`topup shares`: what a line sent and was sent, or where one share stands."""

from typing import Any, Final

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from topup.catalogue.queries import CatalogueCache
from topup.channels.cli.exits import Exit
from topup.channels.cli.ports import Runtime
from topup.channels.cli.screen import ID_WIDTH, err, print_json, show
from topup.channels.cli.sharing import share_json
from topup.channels.cli.speech import locale, say, sentence_of
from topup.charging.sharing.desk import ShareView, Sharing
from topup.charging.sharing.history import SharesView, shares_of
from topup.charging.sharing.states import ShareState
from topup.kernel.ids import PREFIXES
from topup.kernel.msisdn import parse_msisdn
from topup.lines.wording import moment_words
from topup.orders.wording import until_words
from topup.platform.i18n import format_money
from topup.platform.settings import Settings

_COLUMNS_BEFORE_ID: Final = 4


async def show_shares(runtime: Runtime, settings: Settings, *, which: str, before: str | None, as_json: bool) -> Exit:
    """Show the share with that id, or a page of those of that number. Raises NotFound share_unknown, line_unknown."""
    async with runtime.store(settings) as store:
        if which.startswith(f"{PREFIXES['share']}_"):
            sharing = Sharing(database=store.database, catalogue=CatalogueCache())
            _tell_one(await sharing.get(share_id=which), as_json=as_json)
        else:
            _tell_page(await shares_of(store.database, number=which, before=before), as_json=as_json)
    return Exit.DONE


def _tell_one(view: ShareView, *, as_json: bool) -> None:
    if as_json:
        print_json(share_json(view))
        return
    share = view.share
    sender, receiver = (parse_msisdn(number).grouped() for number in (share.sender_msisdn, share.receiver_msisdn))
    heading = Text(" ").append(f"{sender} → {receiver}", style="bold").append(f"  {_state(share.state)}", style="bold")
    facts = Table(box=None, show_header=False, padding=(0, 2, 0, 2), pad_edge=True)
    facts.add_column(style="dim")
    facts.add_column(min_width=ID_WIDTH)
    for name in ("amount", "fee", "total"):
        facts.add_row(say(f"share.{name}"), format_money(getattr(share, name), locale()))
    if share.usable_until:
        facts.add_row(say("share.ends"), until_words(share.usable_until, zone=view.zone, locale=locale()))
    if share.reason:
        facts.add_row(say("shares.reason"), sentence_of(share.reason, {}) or share.reason)
    facts.add_row(say("share.id"), share.id)
    for step in view.steps:
        facts.add_row(moment_words(step.at, zone=view.zone, locale=locale()), _state(ShareState(step.state)))
    show(Group(heading, facts))


def _tell_page(page: SharesView, *, as_json: bool) -> None:
    if as_json:
        print_json(_page_json(page))
        return
    show(Group(Text(f" {page.msisdn.grouped()}", style="bold"), _table(page)))
    if page.before:
        err.print(f"  [dim]{escape(say('shares.more', before=page.before))}[/]")


def _table(page: SharesView) -> RenderableType:
    if not page.shares:
        return Text(f"  {say('shares.none')}", style="dim")
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 2), pad_edge=True)
    for _ in range(_COLUMNS_BEFORE_ID):
        table.add_column()
    table.add_column(min_width=ID_WIDTH, style="dim")
    for view in page.shares:
        share = view.share
        sent = share.sender_id == page.line.id
        other = parse_msisdn(share.receiver_msisdn if sent else share.sender_msisdn).grouped()
        table.add_row(
            moment_words(share.created_at, zone=view.zone, locale=locale()),
            f"→ {other}" if sent else f"← {other}",
            format_money(share.total if sent else share.amount, locale()),
            _state(share.state),
            share.id,
        )
    return table


def _state(state: ShareState) -> str:
    return say(f"shares.state.{state.value}")


def _page_json(page: SharesView) -> dict[str, Any]:
    """A page for programs: the names of the REST API."""
    return {
        "number": page.msisdn.e164,
        "line_id": page.line.id,
        "shares": [share_json(view) for view in page.shares],
        "before": page.before,
    }
