"""The commands, their words and their options.

What they do lies in modules that load when they run: `topup --help` must be quick, and most of what the commands need
is not.
"""

# ruff: noqa: PLC0415 - see above

from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from topup.channels.cli.credit_commands import add_credit
from topup.channels.cli.speech import say
from topup.channels.cli.usage_commands import add_usage

if TYPE_CHECKING:
    from topup.channels.cli.ports import Runtime


class RoleName(StrEnum):
    """The roles of `people.permissions`, which would be slow to load for their names; a test compares them."""

    OPERATOR = "operator"
    SUPPORT = "support"
    AUDITOR = "auditor"
    READER = "reader"
    NETWORK = "network"


class PurposeName(StrEnum):
    """What an installation's own keys are for; a test compares it with what is made."""

    QUOTES = "quotes"
    RECEIPTS = "receipts"
    LEDGER_HEADS = "ledger-heads"
    DATA = "data"


DataDir = Annotated[Path | None, typer.Option("--data-dir", help=say("option.data_dir"), show_default=False)]
Json = Annotated[bool, typer.Option("--json", help=say("option.json"))]
Number = Annotated[str, typer.Argument(metavar="NUMBER", help=say("argument.number"), show_default=False)]
File = Annotated[Path, typer.Argument(metavar="FILE", help=say("argument.file"), show_default=False)]
Report = Annotated[Path | None, typer.Option("--report", help=say("option.report"), show_default=False)]

_SERVERS: Final = say("panel.servers")
_ORDERS: Final = say("panel.orders")
_CARE: Final = say("panel.care")
_SETTING_UP: Final = say("panel.setting_up")


def create_app(runtime: "Runtime") -> typer.Typer:
    """The command line on top of `runtime`."""
    app = _group("topup", say("app.help"), epilog=say("app.epilog"))
    app.callback()(_about)
    _add_servers(app, runtime)
    _add_orders(app, runtime)
    _add_care(app, runtime)
    add_credit(app, runtime, panel=_CARE)
    _add_files(app, runtime)
    _add_setting_up(app, runtime)
    return app


def _group(name: str, words: str, *, epilog: str | None = None) -> typer.Typer:
    return typer.Typer(
        name=name,
        help=words,
        epilog=epilog,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["--help", "-h"]},
    )


def _tell_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it so
    if wanted:
        typer.echo(f"topup {version('topup')}")
        raise typer.Exit


def _about(
    *,
    # By a callback, which runs before a command is missed.
    _version: Annotated[
        bool, typer.Option("--version", help=say("option.version"), is_eager=True, callback=_tell_version)
    ] = False,
) -> None:
    """Options of `topup` itself."""


def _add_servers(app: typer.Typer, runtime: "Runtime") -> None:
    @app.command(help=say("serve.help"), rich_help_panel=_SERVERS)
    def serve(
        *,
        demo: Annotated[bool, typer.Option("--demo", help=say("option.demo"))] = False,
        port: Annotated[int | None, typer.Option(help=say("option.port"), min=0, max=65_535)] = None,
        data_dir: DataDir = None,
    ) -> None:
        from topup.channels.cli.ports import Part
        from topup.channels.cli.running import run_blocking

        both = Part.WEB | Part.JOBS
        run_blocking(lambda settings: runtime.serve(settings, both), demo=demo or None, port=port, data_dir=data_dir)

    @app.command(help=say("web.help"), rich_help_panel=_SERVERS)
    def web(
        *,
        port: Annotated[int | None, typer.Option(help=say("option.port"), min=0, max=65_535)] = None,
        data_dir: DataDir = None,
    ) -> None:
        from topup.channels.cli.ports import Part
        from topup.channels.cli.running import run_blocking

        run_blocking(lambda settings: runtime.serve(settings, Part.WEB), port=port, data_dir=data_dir)

    @app.command(help=say("worker.help"), rich_help_panel=_SERVERS)
    def worker(*, data_dir: DataDir = None) -> None:
        from topup.channels.cli.ports import Part
        from topup.channels.cli.running import run_blocking

        run_blocking(lambda settings: runtime.serve(settings, Part.JOBS), data_dir=data_dir)


def _add_orders(app: typer.Typer, runtime: "Runtime") -> None:
    @app.command(help=say("recharge.help"), rich_help_panel=_ORDERS)
    def recharge(
        number: Number,
        amount: Annotated[str, typer.Argument(metavar="AMOUNT", help=say("argument.amount"), show_default=False)],
        *,
        pay: Annotated[str, typer.Option("--pay", help=say("option.pay"), show_default=False)],
        yes: Annotated[bool, typer.Option("--yes", "-y", help=say("option.yes"))] = False,
        confirm: Annotated[list[str] | None, typer.Option("--confirm", help=say("option.confirm"))] = None,
        wait: Annotated[float, typer.Option("--wait", help=say("option.wait"), min=0)] = 60.0,
        as_json: Json = False,
        data_dir: DataDir = None,
    ) -> None:
        from topup.channels.cli.recharge import Recharge, recharge
        from topup.channels.cli.running import run

        wanted = Recharge(
            number=number,
            amount=amount,
            method=pay,
            yes=yes,
            confirmations=frozenset(confirm or ()),
            wait_s=wait,
            as_json=as_json,
        )
        run(lambda settings: recharge(runtime, settings, wanted), data_dir=data_dir)

    @app.command(help=say("balance.help"), rich_help_panel=_ORDERS)
    def balance(number: Number, *, as_json: Json = False, data_dir: DataDir = None) -> None:
        from topup.channels.cli.looking import show_balance
        from topup.channels.cli.running import run

        run(lambda settings: show_balance(runtime, settings, number=number, as_json=as_json), data_dir=data_dir)

    @app.command(help=say("order.help"), rich_help_panel=_ORDERS)
    def order(
        order_id: Annotated[str, typer.Argument(metavar="ID", help=say("argument.order"), show_default=False)],
        *,
        as_json: Json = False,
        data_dir: DataDir = None,
    ) -> None:
        from topup.channels.cli.looking import show_order
        from topup.channels.cli.running import run

        run(lambda settings: show_order(runtime, settings, order_id=order_id, as_json=as_json), data_dir=data_dir)


def _add_care(app: typer.Typer, runtime: "Runtime") -> None:
    _add_audit(app, runtime)

    @app.command(help=say("doctor.help"), rich_help_panel=_CARE)
    def doctor(*, as_json: Json = False, data_dir: DataDir = None) -> None:
        from topup.channels.cli.doctor import examine
        from topup.channels.cli.running import run

        run(lambda settings: examine(runtime, settings, as_json=as_json), data_dir=data_dir)


def _add_audit(app: typer.Typer, runtime: "Runtime") -> None:
    group = _group("audit", say("audit.help"))
    group.info.no_args_is_help = False

    @group.callback(invoke_without_command=True)
    def audit(
        context: typer.Context,
        *,
        heads: Annotated[Path | None, typer.Option("--heads", help=say("option.heads"), show_default=False)] = None,
        start: Annotated[Path | None, typer.Option("--from", help=say("option.from_head"), show_default=False)] = None,
        resume: Annotated[bool, typer.Option("--resume", help=say("option.resume"))] = False,
        export: Annotated[
            Path | None, typer.Option("--export-heads", help=say("option.export_heads"), show_default=False)
        ] = None,
        as_json: Json = False,
        data_dir: DataDir = None,
    ) -> None:
        if context.invoked_subcommand is not None:
            return
        if start and resume:
            raise typer.BadParameter(say("audit.from_or_resume"), param_hint="--resume")
        from topup.channels.cli.auditing import Wanted, audit_ledger
        from topup.channels.cli.running import run

        wanted = Wanted(heads=heads, start=start, resume=resume, export=export, as_json=as_json)
        run(lambda settings: audit_ledger(runtime, settings, wanted), data_dir=data_dir)

    @group.command(help=say("audit_head.help"))
    def head(
        *,
        file: Annotated[Path | None, typer.Option("--out", help=say("option.out"), show_default=False)] = None,
        data_dir: DataDir = None,
    ) -> None:
        from topup.channels.cli.auditing import export_head
        from topup.channels.cli.running import run

        run(lambda settings: export_head(runtime, settings, file=file), data_dir=data_dir)

    app.add_typer(group, rich_help_panel=_CARE)


def _add_files(app: typer.Typer, runtime: "Runtime") -> None:
    lines = _group("lines", say("lines.help"))
    catalogue = _group("catalogue", say("catalogue.help"))

    @lines.command("import", help=say("lines_import.help"))
    def lines_import(file: File, *, report: Report = None, as_json: Json = False, data_dir: DataDir = None) -> None:
        from topup.channels.cli.lines import import_file
        from topup.channels.cli.running import run

        run(
            lambda settings: import_file(runtime, settings, file=file, report=report, as_json=as_json),
            data_dir=data_dir,
        )

    @lines.command(help=say("lines_ported.help"))
    def ported(file: File, *, report: Report = None, as_json: Json = False, data_dir: DataDir = None) -> None:
        from topup.channels.cli.lines import import_ported_file
        from topup.channels.cli.running import run

        run(
            lambda settings: import_ported_file(runtime, settings, file=file, report=report, as_json=as_json),
            data_dir=data_dir,
        )

    @lines.command("show", help=say("lines_show.help"))
    def lines_show(number: Number, *, as_json: Json = False, data_dir: DataDir = None) -> None:
        from topup.channels.cli.lines import show_line
        from topup.channels.cli.running import run

        run(lambda settings: show_line(runtime, settings, number=number, as_json=as_json), data_dir=data_dir)

    @catalogue.command(help=say("catalogue_check.help"))
    def check(file: File) -> None:
        from topup.channels.cli.files import check_file
        from topup.channels.cli.running import run

        run(lambda _settings: check_file(file))

    _add_explain(catalogue)

    @catalogue.command(help=say("catalogue_load.help"))
    def load(file: File, *, data_dir: DataDir = None) -> None:
        from topup.channels.cli.files import load_file
        from topup.channels.cli.running import run

        run(lambda settings: load_file(runtime, settings, file=file), data_dir=data_dir)

    usage = _group("usage", say("usage.help"))
    add_usage(usage, runtime)
    app.add_typer(lines, rich_help_panel=_SETTING_UP)
    app.add_typer(usage, rich_help_panel=_SETTING_UP)
    app.add_typer(catalogue, rich_help_panel=_SETTING_UP)


def _add_explain(catalogue: typer.Typer) -> None:
    @catalogue.command(help=say("catalogue_explain.help"))
    def explain(
        file: File,
        *,
        product: Annotated[str | None, typer.Option(help=say("option.product"), show_default=False)] = None,
        share: Annotated[str | None, typer.Option(help=say("option.share"), show_default=False)] = None,
        balance: Annotated[str, typer.Option(help=say("option.balance"))] = "0",
        on: Annotated[str | None, typer.Option(help=say("option.on"), show_default=False)] = None,
        ends: Annotated[str | None, typer.Option(help=say("option.ends"), show_default=False)] = None,
        state: Annotated[str | None, typer.Option(help=say("option.state"), show_default=False)] = None,
        since: Annotated[str | None, typer.Option(help=say("option.since"), show_default=False)] = None,
        clock: Annotated[list[str] | None, typer.Option(help=say("option.clock"), metavar="NAME=DATE")] = None,
        as_json: Json = False,
    ) -> None:
        from topup.channels.cli.explaining import Asked, explain_file
        from topup.channels.cli.running import run

        asked = Asked(file, product, share, balance, on, state, since, ends, tuple(clock or ()), as_json)
        run(lambda _settings: explain_file(asked))


def _add_setting_up(app: typer.Typer, runtime: "Runtime") -> None:
    keys = _group("keys", say("keys.help"))
    database = _group("db", say("db.help"))

    @keys.command(help=say("keys_create.help"))
    def create(
        *,
        role: Annotated[RoleName, typer.Option(help=say("option.role"), show_default=False)],
        label: Annotated[str, typer.Option(help=say("option.label"))] = "",
        as_json: Json = False,
        data_dir: DataDir = None,
    ) -> None:
        from topup.channels.cli.installing import create_key
        from topup.channels.cli.running import run

        run(
            lambda settings: create_key(runtime, settings, role=role.value, label=label, as_json=as_json),
            data_dir=data_dir,
        )

    @keys.command(help=say("keys_revoke.help"))
    def revoke(
        key_id: Annotated[str, typer.Argument(metavar="ID", help=say("argument.key"), show_default=False)],
        *,
        data_dir: DataDir = None,
    ) -> None:
        from topup.channels.cli.installing import revoke_key
        from topup.channels.cli.running import run

        run(lambda settings: revoke_key(runtime, settings, key_id=key_id), data_dir=data_dir)

    @keys.command(help=say("keys_rotate.help"))
    def rotate(
        purpose: Annotated[PurposeName, typer.Argument(help=say("argument.purpose"), show_default=False)],
        *,
        data_dir: DataDir = None,
    ) -> None:
        from topup.channels.cli.installing import rotate_key
        from topup.channels.cli.running import run

        run(lambda settings: rotate_key(settings, purpose=purpose.value), data_dir=data_dir)

    @database.command(help=say("db_upgrade.help"))
    def upgrade(*, data_dir: DataDir = None) -> None:
        from topup.channels.cli.installing import upgrade as upgrade_database
        from topup.channels.cli.running import run

        run(lambda settings: upgrade_database(runtime, settings), data_dir=data_dir)

    app.add_typer(keys, rich_help_panel=_SETTING_UP)
    app.add_typer(database, rich_help_panel=_SETTING_UP)
