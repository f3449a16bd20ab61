"""The commands about staff, their words and their options; what they do loads when they run."""

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
_Login = Annotated[str, typer.Argument(metavar="NAME", help=say("argument.login"), show_default=False)]


class StaffRoleName(StrEnum):
    """`people.permissions.STAFF_ROLES`, which would be slow to load for their names; a test compares them."""

    CLERK = "clerk"
    SUPPORT = "support"
    SUPERVISOR = "supervisor"
    FINANCE = "finance"
    OPERATOR = "operator"
    AUDITOR = "auditor"
    SECURITY = "security"


def add_staff(group: typer.Typer, runtime: "Runtime") -> None:
    """Add what is done with accounts to the group."""

    @group.command(help=say("staff_add.help"))
    def add(
        login: _Login,
        *,
        role: Annotated[StaffRoleName, typer.Option(help=say("option.staff_role"), show_default=False)],
        as_json: _Json = False,
        data_dir: _DataDir = None,
    ) -> None:
        from topup.channels.cli.running import run
        from topup.channels.cli.staffing import add_staff

        run(
            lambda settings: add_staff(runtime, settings, login=login, role=role.value, as_json=as_json),
            data_dir=data_dir,
        )

    @group.command("list", help=say("staff_list.help"))
    def list_(*, as_json: _Json = False, data_dir: _DataDir = None) -> None:
        from topup.channels.cli.running import run
        from topup.channels.cli.staffing import list_staff

        run(lambda settings: list_staff(runtime, settings, as_json=as_json), data_dir=data_dir)

    @group.command(help=say("staff_disable.help"))
    def disable(login: _Login, *, data_dir: _DataDir = None) -> None:
        from topup.channels.cli.running import run
        from topup.channels.cli.staffing import disable_staff

        run(lambda settings: disable_staff(runtime, settings, login=login), data_dir=data_dir)

    @group.command(help=say("staff_confirm.help"))
    def confirm(login: _Login, *, data_dir: _DataDir = None) -> None:
        from topup.channels.cli.running import run
        from topup.channels.cli.staffing import confirm_staff

        run(lambda settings: confirm_staff(runtime, settings, login=login), data_dir=data_dir)

    @group.command(help=say("staff_enable.help"))
    def enable(login: _Login, *, data_dir: _DataDir = None) -> None:
        from topup.channels.cli.running import run
        from topup.channels.cli.staffing import enable_staff

        run(lambda settings: enable_staff(runtime, settings, login=login), data_dir=data_dir)

    _add_changes(group, runtime)


def _add_changes(group: typer.Typer, runtime: "Runtime") -> None:
    """What changes an account that is there: its role, what it signs in with."""

    @group.command(help=say("staff_role.help"))
    def role(
        login: _Login,
        to: Annotated[StaffRoleName, typer.Argument(metavar="ROLE", help=say("option.staff_role"), show_default=False)],
        *,
        data_dir: _DataDir = None,
    ) -> None:
        from topup.channels.cli.running import run
        from topup.channels.cli.staffing import role_of_staff

        run(lambda settings: role_of_staff(runtime, settings, login=login, role=to.value), data_dir=data_dir)

    @group.command(help=say("staff_reset.help"))
    def reset(login: _Login, *, as_json: _Json = False, data_dir: _DataDir = None) -> None:
        from topup.channels.cli.running import run
        from topup.channels.cli.staffing import reset_staff

        run(lambda settings: reset_staff(runtime, settings, login=login, as_json=as_json), data_dir=data_dir)

    @group.command(help=say("staff_code.help"))
    def code(login: _Login, *, data_dir: _DataDir = None) -> None:
        from topup.channels.cli.running import run
        from topup.channels.cli.staffing import show_code

        run(lambda settings: show_code(runtime, settings, login=login), data_dir=data_dir)


def add_trail(group: typer.Typer, runtime: "Runtime") -> None:
    """Add `trail` to the group `audit`."""

    @group.command(help=say("audit_trail.help"))
    def trail(
        *,
        head: Annotated[Path | None, typer.Option("--head", help=say("option.trail_head"), show_default=False)] = None,
        export: Annotated[
            Path | None, typer.Option("--export-head", help=say("option.export_trail_head"), show_default=False)
        ] = None,
        as_json: _Json = False,
        data_dir: _DataDir = None,
    ) -> None:
        from topup.channels.cli.running import run
        from topup.channels.cli.trailing import audit_trail

        run(
            lambda settings: audit_trail(runtime, settings, head=head, export=export, as_json=as_json),
            data_dir=data_dir,
        )
