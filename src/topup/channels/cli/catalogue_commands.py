"""The commands that explain a carrier's file and have two people publish it, their words and their options; what they
do loads when they run.
"""

# ruff: noqa: PLC0415 - see above

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from topup.channels.cli.speech import say

if TYPE_CHECKING:
    from topup.channels.cli.ports import Runtime

_File = Annotated[Path, typer.Argument(metavar="FILE", help=say("argument.file"), show_default=False)]
_Json = Annotated[bool, typer.Option("--json", help=say("option.json"))]
_DataDir = Annotated[Path | None, typer.Option("--data-dir", help=say("option.data_dir"), show_default=False)]
_Draft = Annotated[str, typer.Argument(metavar="DRAFT", help=say("argument.draft"), show_default=False)]
_Publication = Annotated[
    str, typer.Argument(metavar="PUBLICATION", help=say("argument.publication"), show_default=False)
]
_On = Annotated[str | None, typer.Option(help=say("option.on"), show_default=False)]


def add_explain(group: typer.Typer) -> None:
    """Add `explain` to the group `catalogue`."""

    @group.command(help=say("catalogue_explain.help"))
    def explain(
        file: _File,
        *,
        product: Annotated[str | None, typer.Option(help=say("option.product"), show_default=False)] = None,
        share: Annotated[str | None, typer.Option(help=say("option.share"), show_default=False)] = None,
        plan: Annotated[str | None, typer.Option(help=say("option.explain_plan"), show_default=False)] = None,
        balance: Annotated[str, typer.Option(help=say("option.balance"))] = "0",
        on: _On = None,
        ends: Annotated[str | None, typer.Option(help=say("option.ends"), show_default=False)] = None,
        state: Annotated[str | None, typer.Option(help=say("option.state"), show_default=False)] = None,
        since: Annotated[str | None, typer.Option(help=say("option.since"), show_default=False)] = None,
        clock: Annotated[list[str] | None, typer.Option(help=say("option.clock"), metavar="NAME=DATE")] = None,
        as_json: _Json = False,
    ) -> None:
        from topup.channels.cli.explaining import Asked, explain_file
        from topup.channels.cli.running import run

        asked = Asked(file, product, share, balance, on, state, since, ends, tuple(clock or ()), as_json, plan)
        run(lambda _settings: explain_file(asked))


def add_offers(group: typer.Typer, runtime: "Runtime") -> None:
    """Add `explain` to the group `offers`."""

    @group.command(help=say("offers_explain.help"))
    def explain(
        file: _File,
        *,
        product: Annotated[str, typer.Option(help=say("option.product"), show_default=False)],
        coupon: Annotated[
            list[str] | None, typer.Option(help=say("option.coupon"), metavar="CODE", show_default=False)
        ] = None,
        channel: Annotated[str | None, typer.Option(help=say("option.offer_channel"), show_default=False)] = None,
        shop: Annotated[str | None, typer.Option(help=say("option.offer_shop"), show_default=False)] = None,
        on: _On = None,
        points: Annotated[int, typer.Option(help=say("option.points"), min=0)] = 0,
        first: Annotated[bool, typer.Option("--first", help=say("option.first"))] = False,
        as_json: _Json = False,
        data_dir: _DataDir = None,
    ) -> None:
        from topup.channels.cli.explaining_offers import Asked, explain_offers
        from topup.channels.cli.running import run

        asked = Asked(file, product, tuple(coupon or ()), channel, shop, on, points, first, as_json)
        run(lambda settings: explain_offers(runtime, settings, asked), data_dir=data_dir)


def add_drafts(group: typer.Typer, runtime: "Runtime") -> None:
    """Add `draft`, `drafts`, `diff`, `schedule` and `call-off` to the group `catalogue`."""

    @group.command(help=say("catalogue_draft.help"))
    def draft(
        file: _File,
        *,
        note: Annotated[str, typer.Option(help=say("option.draft_note"), show_default=False)],
        as_json: _Json = False,
        data_dir: _DataDir = None,
    ) -> None:
        from topup.channels.cli.drafting import keep_draft
        from topup.channels.cli.running import run

        run(lambda settings: keep_draft(runtime, settings, file=file, note=note, as_json=as_json), data_dir=data_dir)

    @group.command(help=say("catalogue_drafts.help"))
    def drafts(
        *,
        carrier: Annotated[str, typer.Option(help=say("option.draft_carrier"), show_default=False)] = "",
        as_json: _Json = False,
        data_dir: _DataDir = None,
    ) -> None:
        from topup.channels.cli.drafting import list_drafts
        from topup.channels.cli.running import run

        run(lambda settings: list_drafts(runtime, settings, carrier=carrier, as_json=as_json), data_dir=data_dir)

    @group.command(help=say("catalogue_diff.help"))
    def diff(draft: _Draft, *, as_json: _Json = False, data_dir: _DataDir = None) -> None:
        from topup.channels.cli.drafting import show_draft
        from topup.channels.cli.running import run

        run(lambda settings: show_draft(runtime, settings, draft_id=draft, as_json=as_json), data_dir=data_dir)

    @group.command(help=say("catalogue_schedule.help"))
    def schedule(
        draft: _Draft,
        *,
        reason: Annotated[str, typer.Option(help=say("option.draft_reason"), show_default=False)],
        at: Annotated[str, typer.Option(help=say("option.draft_at"), show_default=False)] = "",
        as_json: _Json = False,
        data_dir: _DataDir = None,
    ) -> None:
        from topup.channels.cli.drafting import ScheduleAsked
        from topup.channels.cli.drafting import schedule as ask
        from topup.channels.cli.running import run

        run(lambda settings: ask(runtime, settings, ScheduleAsked(draft, at, reason, as_json)), data_dir=data_dir)

    @group.command(name="call-off", help=say("catalogue_call_off.help"))
    def call_off(publication: _Publication, *, data_dir: _DataDir = None) -> None:
        from topup.channels.cli.drafting import call_off as do
        from topup.channels.cli.running import run

        run(lambda settings: do(runtime, settings, publication_id=publication), data_dir=data_dir)
