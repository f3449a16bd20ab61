"""`topup payments replay`: a gateway's or a carrier's stored event told once more, and what became of it."""

from rich.markup import escape

from topup.channels.cli.exits import Exit
from topup.channels.cli.ports import Runtime
from topup.channels.cli.screen import out, print_json
from topup.channels.cli.speech import locale, say, say_problem
from topup.kernel.errors import Problem
from topup.orders.post_room import Replayed
from topup.orders.wording import method_name
from topup.platform.i18n import MissingText, format_datetime
from topup.platform.settings import Settings


async def replay(runtime: Runtime, settings: Settings, *, event: str, as_json: bool) -> Exit:
    """Settle what can be settled; REFUSED when something of it could not be."""
    async with runtime.house(settings, outside=False) as house:
        told = await house.desk.post_room.replay(event, lanes=house.store.installation.lanes)
    if as_json:
        print_json({"event": event, "told": [_document(one) for one in told]})
    else:
        for one in told:
            _show(one)
    return Exit.REFUSED if any(one.obstacle for one in told) else Exit.DONE


def _document(one: Replayed) -> dict[str, object]:
    return {
        "method": one.method,
        "received_at": one.received_at.isoformat(),
        "settled_at": one.settled_at.isoformat() if one.settled_at else None,
        "facts": one.said,
        "obstacle": one.obstacle or None,
    }


def _show(one: Replayed) -> None:
    came = format_datetime(one.received_at, locale(), zone="UTC")
    out.print(f" [bold]{_named(one.method)}[/]  {say('replay.received', time=came)}")
    out.print(f"   {one.said}", markup=False, highlight=False)
    if one.obstacle:
        what, remedy = say_problem(Problem(one.obstacle))
        out.print(f" [bold red]✗[/] {what}")
        if remedy:
            out.print(f"   [dim]→ {remedy}[/]")
    else:
        out.print(f" [green]✓[/] {say('replay.again' if one.settled_at else 'replay.now')}")


def _named(source: str) -> str:
    """A way to pay by its name; a carrier's plugin is called by its code."""
    try:
        return method_name(source, locale=locale())
    except MissingText:
        return escape(source)
