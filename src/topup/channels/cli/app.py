"""The commands, their words and their options.

What they do lies in modules that load when they run: `topup --help` must be quick, and most of what the commands need
is not.
"""

# ruff: noqa: PLC0415 - see above

from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer.core import TyperGroup

from topup.channels.cli.agent_commands import add_agents
from topup.channels.cli.automatic_commands import add_automatic
from topup.channels.cli.care_commands import add_outages, add_tickets
from topup.channels.cli.catalogue_commands import add_drafts, add_explain, add_offers
from topup.channels.cli.coupon_commands import add_coupons
from topup.channels.cli.credit_commands import add_credit
from topup.channels.cli.line_commands import add_lines
from topup.channels.cli.link_commands import add_links
from topup.channels.cli.order_commands import add_orders
from topup.channels.cli.payment_commands import add_payments
from topup.channels.cli.people_commands import add_people
from topup.channels.cli.plan_commands import add_plans
from topup.channels.cli.reconciling_commands import add_reconciling
from topup.channels.cli.shop_commands import add_shops
from topup.channels.cli.speech import say
from topup.channels.cli.staff_commands import add_staff, add_trail
from topup.channels.cli.stock_commands import add_printers, add_stock
from topup.channels.cli.usage_commands import add_usage
from topup.channels.cli.voucher_commands import add_vouchers

if TYPE_CHECKING:
    from topup.channels.cli.ports import Runtime


class RoleName(StrEnum):
    """The roles of `people.permissions`, which would be slow to load for their names; a test compares them."""

    OPERATOR = "operator"
    SUPPORT = "support"
    AUDITOR = "auditor"
    READER = "reader"
    NETWORK = "network"
    CLERK = "clerk"
    SUPERVISOR = "supervisor"
    FINANCE = "finance"
    SECURITY = "security"
    AGENT = "agent"


class PurposeName(StrEnum):
    """What an installation's own keys are for; a test compares it with what is made."""

    QUOTES = "quotes"
    RECEIPTS = "receipts"
    LEDGER_HEADS = "ledger-heads"
    TRAIL_HEADS = "trail-heads"
    DATA = "data"
    VOUCHERS = "vouchers"
    NUMBERS = "numbers"


DataDir = Annotated[Path | None, typer.Option("--data-dir", help=say("option.data_dir"), show_default=False)]
Json = Annotated[bool, typer.Option("--json", help=say("option.json"))]
File = Annotated[Path, typer.Argument(metavar="FILE", help=say("argument.file"), show_default=False)]
Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help=say("argument.files"), show_default=False)]

_SERVERS: Final = say("panel.servers")
_ORDERS: Final = say("panel.orders")
_CARE: Final = say("panel.care")
_SETTING_UP: Final = say("panel.setting_up")


def create_app(runtime: "Runtime") -> typer.Typer:
    """The command line on top of `runtime`."""
    app = _group("topup", say("app.help"), epilog=say("app.epilog"))
    app.callback()(_about)
    _add_servers(app, runtime)
    add_orders(app, runtime, panel=_ORDERS)
    links = _group("links", say("links.help"))
    add_links(links, runtime)
    app.add_typer(links, rich_help_panel=_ORDERS)
    automatic = _group("automatic", say("automatic.help"))
    add_automatic(automatic, runtime)
    app.add_typer(automatic, rich_help_panel=_CARE)
    plans = _group("plans", say("plans.help"))
    add_plans(plans, runtime)
    app.add_typer(plans, rich_help_panel=_CARE)
    _add_care(app, runtime)
    add_credit(app, runtime, panel=_CARE)
    add_reconciling(app, runtime, panel=_CARE)
    _add_help(app, runtime)
    _add_files(app, runtime)
    offers = _group("offers", say("offers.help"))
    add_offers(offers, runtime)
    codes = _group("codes", say("coupons.help"))
    add_coupons(codes, runtime)
    offers.add_typer(codes)
    app.add_typer(offers, rich_help_panel=_SETTING_UP)
    _add_setting_up(app, runtime)
    return app


class _Group(TyperGroup):
    """Says what is wrong with a word of the command line without the validating library's name for it."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            error.message = error.message.removeprefix("Value error, ")
            raise


def _group(name: str, words: str, *, epilog: str | None = None) -> typer.Typer:
    return typer.Typer(
        name=name,
        cls=_Group,
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

    add_trail(group, runtime)
    app.add_typer(group, rich_help_panel=_CARE)


def _add_help(app: typer.Typer, runtime: "Runtime") -> None:
    tickets = _group("tickets", say("tickets.help"))
    add_tickets(tickets, runtime)
    outages = _group("outages", say("outages.help"))
    add_outages(outages, runtime)
    app.add_typer(tickets, rich_help_panel=_CARE)
    app.add_typer(outages, rich_help_panel=_CARE)
    people = _group("people", say("people.help"))
    add_people(people, runtime)
    app.add_typer(people, rich_help_panel=_CARE)


def _catalogue_group(runtime: "Runtime") -> typer.Typer:
    catalogue = _group("catalogue", say("catalogue.help"))

    @catalogue.command(help=say("catalogue_check.help"))
    def check(files: Files) -> None:
        from topup.channels.cli.files import check_files
        from topup.channels.cli.running import run

        run(lambda _settings: check_files(files))

    add_explain(catalogue)

    @catalogue.command(help=say("catalogue_load.help"))
    def load(file: File, *, data_dir: DataDir = None) -> None:
        from topup.channels.cli.files import load_file
        from topup.channels.cli.running import run

        run(lambda settings: load_file(runtime, settings, file=file), data_dir=data_dir)

    add_drafts(catalogue, runtime)
    return catalogue


def _add_files(app: typer.Typer, runtime: "Runtime") -> None:
    usage = _group("usage", say("usage.help"))
    add_usage(usage, runtime)
    payments = _group("payments", say("payments.help"))
    add_payments(payments, runtime)
    app.add_typer(payments, rich_help_panel=_CARE)
    agents = _group("agents", say("agents.help"))
    add_agents(agents, runtime)
    app.add_typer(agents, rich_help_panel=_CARE)
    vouchers = _group("vouchers", say("vouchers.help"))
    add_vouchers(vouchers, runtime)
    app.add_typer(vouchers, rich_help_panel=_SETTING_UP)
    shops = _group("shops", say("shops.help"))
    add_shops(shops, runtime)
    lines = _group("lines", say("lines.help"))
    add_lines(lines, runtime)
    app.add_typer(lines, rich_help_panel=_SETTING_UP)
    app.add_typer(shops, rich_help_panel=_SETTING_UP)
    stock, printers = _group("stock", say("stock.help")), _group("printers", say("printers.help"))
    add_stock(stock, runtime)
    add_printers(printers, runtime)
    app.add_typer(stock, rich_help_panel=_SETTING_UP)
    app.add_typer(printers, rich_help_panel=_SETTING_UP)
    app.add_typer(usage, rich_help_panel=_SETTING_UP)
    app.add_typer(_catalogue_group(runtime), rich_help_panel=_SETTING_UP)


def _add_setting_up(app: typer.Typer, runtime: "Runtime") -> None:
    keys = _group("keys", say("keys.help"))
    database = _group("db", say("db.help"))

    @keys.command(help=say("keys_create.help"))
    def create(
        *,
        role: Annotated[RoleName, typer.Option(help=say("option.role"), show_default=False)],
        label: Annotated[str, typer.Option(help=say("option.label"))] = "",
        staff: Annotated[str | None, typer.Option(help=say("option.key_staff"), show_default=False)] = None,
        as_json: Json = False,
        data_dir: DataDir = None,
    ) -> None:
        from topup.channels.cli.installing import create_key
        from topup.channels.cli.running import run

        run(
            lambda settings: create_key(runtime, settings, role=role.value, label=label, login=staff, as_json=as_json),
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

    @keys.command(help=say("keys_restore.help"))
    def restore(*, data_dir: DataDir = None) -> None:
        from topup.channels.cli.installing import restore_keys
        from topup.channels.cli.running import run

        run(restore_keys, data_dir=data_dir)

    @database.command(help=say("db_upgrade.help"))
    def upgrade(*, data_dir: DataDir = None) -> None:
        from topup.channels.cli.installing import upgrade as upgrade_database
        from topup.channels.cli.running import run

        run(lambda settings: upgrade_database(runtime, settings), data_dir=data_dir)

    staff = _group("staff", say("staff.help"))
    add_staff(staff, runtime)
    app.add_typer(keys, rich_help_panel=_SETTING_UP)
    app.add_typer(staff, rich_help_panel=_SETTING_UP)
    app.add_typer(database, rich_help_panel=_SETTING_UP)
