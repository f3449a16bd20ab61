"""The commands about agents, their words and their options; what they do loads when they run."""

# ruff: noqa: PLC0415 - see above

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from topup.channels.cli.speech import say

if TYPE_CHECKING:
    from topup.channels.cli.ports import Runtime

_DataDir = Annotated[Path | None, typer.Option("--data-dir", help=say("option.data_dir"), show_default=False)]
_Json = Annotated[bool, typer.Option("--json", help=say("option.json"))]
_Agent = Annotated[str, typer.Argument(metavar="AGENT", help=say("argument.agent"), show_default=False)]
_Plan = Annotated[str | None, typer.Option("--plan", help=say("option.agent_plan"), show_default=False)]
_Limit = Annotated[str | None, typer.Option("--daily-limit", help=say("option.agent_limit"), show_default=False)]
_Alarm = Annotated[str | None, typer.Option("--low-below", help=say("option.agent_alarm"), show_default=False)]


def add_agents(group: typer.Typer, runtime: "Runtime") -> None:
    """Add every command to the group `agents`."""
    _add_taking_on(group, runtime)
    _add_looking(group, runtime)
    _add_standing(group, runtime)
    _add_money(group, runtime)


def _add_taking_on(group: typer.Typer, runtime: "Runtime") -> None:
    @group.command(help=say("agents_add.help"))
    def add(
        name: Annotated[str, typer.Argument(metavar="NAME", help=say("argument.agent_name"), show_default=False)],
        *,
        currency: Annotated[str, typer.Option(help=say("option.agent_currency"), show_default=False)],
        zone: Annotated[str | None, typer.Option(help=say("option.agent_zone"), show_default=False)] = None,
        contact: Annotated[str, typer.Option(help=say("option.agent_contact"), show_default=False)] = "",
        plan: _Plan = None,
        daily_limit: _Limit = None,
        low_below: _Alarm = None,
        as_json: _Json = False,
        data_dir: _DataDir = None,
    ) -> None:
        from topup.channels.cli.agents import AddAsked, TermsAsked, add_agent
        from topup.channels.cli.running import run

        asked = AddAsked(name, currency, zone, contact, TermsAsked(plan, daily_limit, low_below), as_json)
        run(lambda settings: add_agent(runtime, settings, asked), data_dir=data_dir)

    @group.command(help=say("agents_terms.help"))
    def terms(
        agent: _Agent,
        *,
        plan: _Plan = None,
        daily_limit: _Limit = None,
        low_below: _Alarm = None,
        as_json: _Json = False,
        data_dir: _DataDir = None,
    ) -> None:
        from topup.channels.cli.agents import TermsAsked, change_terms
        from topup.channels.cli.running import run

        asked = TermsAsked(plan, daily_limit, low_below)
        run(
            lambda settings: change_terms(runtime, settings, agent=agent, asked=asked, as_json=as_json),
            data_dir=data_dir,
        )

    @group.command(help=say("agents_plan.help"))
    def plan(
        file: Annotated[Path, typer.Argument(metavar="FILE", help=say("argument.agent_plan"), show_default=False)],
        *,
        as_json: _Json = False,
        data_dir: _DataDir = None,
    ) -> None:
        from topup.channels.cli.agents import publish_plan
        from topup.channels.cli.running import run

        run(lambda settings: publish_plan(runtime, settings, file=file, as_json=as_json), data_dir=data_dir)


def _add_looking(group: typer.Typer, runtime: "Runtime") -> None:
    @group.command("list", help=say("agents_list.help"))
    def list_(*, as_json: _Json = False, data_dir: _DataDir = None) -> None:
        from topup.channels.cli.agents import list_agents
        from topup.channels.cli.running import run

        run(lambda settings: list_agents(runtime, settings, as_json=as_json), data_dir=data_dir)

    @group.command(help=say("agents_show.help"))
    def show(agent: _Agent, *, as_json: _Json = False, data_dir: _DataDir = None) -> None:
        from topup.channels.cli.agents import show_agent
        from topup.channels.cli.running import run

        run(lambda settings: show_agent(runtime, settings, agent=agent, as_json=as_json), data_dir=data_dir)

    @group.command(help=say("agents_statement.help"))
    def statement(
        agent: _Agent,
        *,
        month: Annotated[str | None, typer.Option(metavar="YYYY-MM", help=say("option.agent_month"))] = None,
        csv: Annotated[bool, typer.Option("--csv", help=say("option.agent_csv"))] = False,
        as_json: _Json = False,
        data_dir: _DataDir = None,
    ) -> None:
        from topup.channels.cli.agents import StatementAsked, show_statement
        from topup.channels.cli.running import run

        asked = StatementAsked(agent, month, csv, as_json)
        run(lambda settings: show_statement(runtime, settings, asked), data_dir=data_dir)


def _add_standing(group: typer.Typer, runtime: "Runtime") -> None:
    @group.command(help=say("agents_suspend.help"))
    def suspend(
        agent: _Agent,
        *,
        reason: Annotated[str, typer.Option(help=say("option.agent_reason"), show_default=False)],
        as_json: _Json = False,
        data_dir: _DataDir = None,
    ) -> None:
        from topup.channels.cli.agents import suspend_agent
        from topup.channels.cli.running import run

        run(
            lambda settings: suspend_agent(runtime, settings, agent=agent, reason=reason, as_json=as_json),
            data_dir=data_dir,
        )

    @group.command(help=say("agents_resume.help"))
    def resume(agent: _Agent, *, as_json: _Json = False, data_dir: _DataDir = None) -> None:
        from topup.channels.cli.agents import resume_agent
        from topup.channels.cli.running import run

        run(lambda settings: resume_agent(runtime, settings, agent=agent, as_json=as_json), data_dir=data_dir)


def _add_money(group: typer.Typer, runtime: "Runtime") -> None:
    @group.command("float", help=say("agents_float.help"))
    def float_(
        agent: _Agent,
        amount: Annotated[str, typer.Argument(metavar="AMOUNT", help=say("argument.agent_amount"), show_default=False)],
        *,
        reference: Annotated[str, typer.Option(help=say("option.agent_reference"), show_default=False)],
        reason: Annotated[str, typer.Option(help=say("option.agent_why"), show_default=False)],
        as_json: _Json = False,
        data_dir: _DataDir = None,
    ) -> None:
        from topup.channels.cli.agents import FloatAsked, ask_float
        from topup.channels.cli.running import run

        asked = FloatAsked(agent, amount, reference, reason, as_json)
        run(lambda settings: ask_float(runtime, settings, asked), data_dir=data_dir)

    @group.command(help=say("agents_keys.help"))
    def keys(
        agent: _Agent,
        *,
        create: Annotated[bool, typer.Option("--create", help=say("option.agent_key_create"))] = False,
        label: Annotated[str, typer.Option(help=say("option.label"))] = "",
        revoke: Annotated[str, typer.Option(metavar="KEY", help=say("option.agent_key_revoke"))] = "",
        as_json: _Json = False,
        data_dir: _DataDir = None,
    ) -> None:
        from topup.channels.cli.agents import KeysAsked, keys_of_agent
        from topup.channels.cli.running import run

        asked = KeysAsked(agent, create, label, revoke, as_json)
        run(lambda settings: keys_of_agent(runtime, settings, asked), data_dir=data_dir)
