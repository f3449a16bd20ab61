"""The commands about plans of lines, their words and their options; what they do loads when they run."""

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
_Yes = Annotated[bool, typer.Option("--yes", "-y", help=say("option.plan_yes"))]
_Number = Annotated[str, typer.Argument(metavar="NUMBER", help=say("argument.number"), show_default=False)]
_Plan = Annotated[str, typer.Argument(metavar="PLAN", help=say("argument.plan"), show_default=False)]


class When(StrEnum):
    """When a plan begins."""

    NOW = "now"
    NEXT_CYCLE = "next_cycle"
    WHEN_PAID = "when_paid"


def add_plans(group: typer.Typer, runtime: "Runtime") -> None:
    """Add `show`, `list`, `compare`, `take` and `cancel` to the group `plans`."""

    @group.command(help=say("plans_show.help"))
    def show(number: _Number, *, as_json: _Json = False, data_dir: _DataDir = None) -> None:
        from topup.channels.cli.planning import show_plan
        from topup.channels.cli.running import run

        run(lambda settings: show_plan(runtime, settings, number=number, as_json=as_json), data_dir=data_dir)

    @group.command("list", help=say("plans_list.help"))
    def list_(number: _Number, *, as_json: _Json = False, data_dir: _DataDir = None) -> None:
        from topup.channels.cli.planning import list_plans
        from topup.channels.cli.running import run

        run(lambda settings: list_plans(runtime, settings, number=number, as_json=as_json), data_dir=data_dir)

    @group.command(help=say("plans_compare.help"))
    def compare(number: _Number, *, as_json: _Json = False, data_dir: _DataDir = None) -> None:
        from topup.channels.cli.planning import compare_plans
        from topup.channels.cli.running import run

        run(lambda settings: compare_plans(runtime, settings, number=number, as_json=as_json), data_dir=data_dir)

    @group.command(help=say("plans_take.help"))
    def take(
        number: _Number,
        plan: _Plan,
        *,
        when: Annotated[When, typer.Option("--when", help=say("option.plan_when"))] = When.NOW,
        yes: _Yes = False,
        as_json: _Json = False,
        data_dir: _DataDir = None,
    ) -> None:
        from topup.channels.cli.planning import PlanAsked, take_plan
        from topup.channels.cli.running import run

        asked = PlanAsked(number, plan, when.value, is_agreed=yes)
        run(lambda settings: take_plan(runtime, settings, asked, as_json=as_json), data_dir=data_dir)

    @group.command(help=say("plans_cancel.help"))
    def cancel(number: _Number, *, as_json: _Json = False, data_dir: _DataDir = None) -> None:
        from topup.channels.cli.planning import cancel_plan
        from topup.channels.cli.running import run

        run(lambda settings: cancel_plan(runtime, settings, number=number, as_json=as_json), data_dir=data_dir)
