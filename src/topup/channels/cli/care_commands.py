"""The commands about tickets and outages, their words and their options; what they do loads when they run."""

# ruff: noqa: PLC0415 - see above

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from topup.channels.cli.speech import say

if TYPE_CHECKING:
    from topup.channels.cli.ports import Runtime

_DataDir = Annotated[Path | None, typer.Option("--data-dir", help=say("option.data_dir"), show_default=False)]
_Json = Annotated[bool, typer.Option("--json", help=say("option.json"))]
_Ticket = Annotated[str, typer.Argument(metavar="TICKET", help=say("argument.ticket"), show_default=False)]


class TicketStateName(StrEnum):
    """`care.states.TicketState`, which would be slow to load for its names; a test compares them."""

    WAITS_FOR_US = "waits_for_us"
    ANSWERED = "answered"
    SOLVED = "solved"


def add_tickets(group: typer.Typer, runtime: "Runtime") -> None:
    """Add `list`, `show`, `answer` and `solve` to the group `tickets`."""

    @group.command("list", help=say("tickets_list.help"))
    def list_(
        *,
        state: Annotated[
            TicketStateName | None, typer.Option(help=say("option.ticket_state"), show_default=False)
        ] = None,
        as_json: _Json = False,
        data_dir: _DataDir = None,
    ) -> None:
        from topup.channels.cli.caring import list_tickets
        from topup.channels.cli.running import run

        wanted = state.value if state else ""
        run(lambda settings: list_tickets(runtime, settings, state=wanted, as_json=as_json), data_dir=data_dir)

    @group.command(help=say("tickets_show.help"))
    def show(ticket: _Ticket, *, as_json: _Json = False, data_dir: _DataDir = None) -> None:
        from topup.channels.cli.caring import show_ticket
        from topup.channels.cli.running import run

        run(lambda settings: show_ticket(runtime, settings, which=ticket, as_json=as_json), data_dir=data_dir)

    @group.command(help=say("tickets_answer.help"))
    def answer(
        ticket: _Ticket,
        text: Annotated[str, typer.Argument(metavar="TEXT", help=say("argument.answer"), show_default=False)],
        *,
        solved: Annotated[bool, typer.Option("--solved", help=say("option.ticket_solved"))] = False,
        data_dir: _DataDir = None,
    ) -> None:
        from topup.channels.cli.caring import answer_ticket
        from topup.channels.cli.running import run

        run(
            lambda settings: answer_ticket(runtime, settings, which=ticket, text=text, solved=solved),
            data_dir=data_dir,
        )

    @group.command(help=say("tickets_solve.help"))
    def solve(ticket: _Ticket, *, data_dir: _DataDir = None) -> None:
        from topup.channels.cli.caring import solve_ticket
        from topup.channels.cli.running import run

        run(lambda settings: solve_ticket(runtime, settings, which=ticket), data_dir=data_dir)


def add_outages(group: typer.Typer, runtime: "Runtime") -> None:
    """Add `announce`, `list` and `end` to the group `outages`."""

    @group.command(help=say("outages_announce.help"))
    def announce(
        carrier: Annotated[
            str, typer.Argument(metavar="CARRIER", help=say("argument.outage_carrier"), show_default=False)
        ],
        *,
        zh_hans: Annotated[str, typer.Option("--zh-hans", help=say("option.outage_text"), show_default=False)],
        zh_hant: Annotated[str, typer.Option("--zh-hant", help=say("option.outage_text"), show_default=False)] = "",
        en: Annotated[str, typer.Option("--en", help=say("option.outage_text"), show_default=False)] = "",
        until: Annotated[
            str | None, typer.Option(metavar="TIME", help=say("option.outage_until"), show_default=False)
        ] = None,
        data_dir: _DataDir = None,
    ) -> None:
        from topup.channels.cli.caring import announce_outage
        from topup.channels.cli.running import run

        texts = {"zh_Hans": zh_hans, "zh_Hant": zh_hant, "en": en}
        run(
            lambda settings: announce_outage(runtime, settings, carrier=carrier, texts=texts, until=until),
            data_dir=data_dir,
        )

    @group.command("list", help=say("outages_list.help"))
    def list_(*, as_json: _Json = False, data_dir: _DataDir = None) -> None:
        from topup.channels.cli.caring import list_outages
        from topup.channels.cli.running import run

        run(lambda settings: list_outages(runtime, settings, as_json=as_json), data_dir=data_dir)

    @group.command(help=say("outages_end.help"))
    def end(
        outage: Annotated[str, typer.Argument(metavar="OUTAGE", help=say("argument.outage"), show_default=False)],
        *,
        data_dir: _DataDir = None,
    ) -> None:
        from topup.channels.cli.caring import end_outage
        from topup.channels.cli.running import run

        run(lambda settings: end_outage(runtime, settings, outage_id=outage), data_dir=data_dir)
