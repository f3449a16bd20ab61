"""`topup vouchers`: batches made for the printer, sold, looked at and blocked; and the slips of an order."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from rich.markup import escape
from rich.table import Table

from topup.channels.cli.adjusting import CommandLine
from topup.channels.cli.exits import Exit
from topup.channels.cli.ports import Runtime, Store
from topup.channels.cli.screen import ask, complain_in_words, err, money_json, out, print_json
from topup.channels.cli.speech import locale, say
from topup.kernel.errors import Conflict, Forbidden, NotFound
from topup.kernel.ids import is_id
from topup.kernel.money import Money
from topup.orders.voucher_sheets import check_sheets, render_sheets
from topup.payments.vouchers import operations, queries, slips
from topup.payments.vouchers.approving import asking_for, kind
from topup.payments.vouchers.desk import VoucherDesk
from topup.payments.vouchers.operations import Printed, Wanted
from topup.payments.vouchers.pins import grouped
from topup.payments.vouchers.printing import sealed_csv
from topup.payments.vouchers.queries import Batch
from topup.payments.vouchers.states import VoucherState
from topup.platform.i18n import format_money
from topup.platform.sealed_files import claim_file, read_recipient, sealed, write_durably
from topup.platform.settings import Settings
from topup.work.approvals import MAXIMUM_PAGE, Approvals

_BY: Final = "cli"
_TRIED_OUT: Final = Money(5000, "CNY")
_CARDS: Final = 3
_TRIED_FOR: Final = timedelta(days=30)
"""What `topup vouchers demo` makes."""


@dataclass(frozen=True, slots=True)
class BatchAsked:
    """What was typed of a batch that is wished for."""

    face: str
    currency: str
    count: int
    until: str
    carrier: str | None
    reason: str
    as_json: bool


@dataclass(frozen=True, slots=True)
class FileAsked:
    """What was typed of the file of a batch that was approved."""

    batch_id: str
    recipient: Path
    out: Path
    as_json: bool
    sheets: bool = False
    """Cards to print, as PDF, in place of the list."""


async def ask_for_batch(runtime: Runtime, settings: Settings, asked: BatchAsked) -> Exit:
    """Ask that a batch be made: another decides, in the console. Raises those of `Approvals.request` and the kind's."""
    said = {
        "face": asked.face,
        "currency": asked.currency,
        "count": str(asked.count),
        "until": asked.until,
        "carrier": asked.carrier or "",
    }
    async with runtime.store(settings) as store:
        approvals = Approvals(database=store.database, kinds=[kind()])
        made = await approvals.request(CommandLine(), asking_for(said, reason=asked.reason))
    if asked.as_json:
        facts = {"id": made.id, "batch": made.subject, "status": made.state.value, "expires_at": made.expires_at}
        print_json(facts)
        return Exit.UNRESOLVED
    out.print(f" [bold]…[/]  {escape(say('vouchers.asked'))}")
    out.print(f"    [dim]{say('adjust.request')}[/]  {made.id}")
    out.print(f"    [dim]{say('vouchers.batch')}[/]  {made.subject}")
    out.print(f"    {escape(say('vouchers.asked_next', batch=made.subject))}")
    return Exit.UNRESOLVED


async def make_batch(runtime: Runtime, settings: Settings, asked: FileAsked) -> Exit:
    """Make a batch that was approved, and its file. The PINs are in that alone: without it the batch can only be
    blocked.

    Raises those of `VoucherDesk.make` and `printing`; Conflict voucher_batch_waits.
    """
    recipient = read_recipient(asked.recipient)
    async with runtime.store(settings) as store:
        batch = await _approved(store, asked.batch_id)
        if asked.sheets:
            check_sheets(batch.count)
        descriptor = claim_file(asked.out)
        written: list[str] = []

        def keep(batch: Batch, printed: Sequence[Printed]) -> None:
            if asked.sheets:
                content = sealed(render_sheets(batch, printed, locale=locale(), made=batch.created_at), recipient)
            else:
                content = sealed_csv(batch, printed, recipient)
            written.append(write_durably(asked.out, descriptor, content))

        try:
            batch = await _desk(store).make(keep, batch_id=batch.id, by=_BY)
        except BaseException:
            # A file that is whole stays: whether its batch was made may be unknown now.
            if not written:
                asked.out.unlink(missing_ok=True)
            raise
    if asked.as_json:
        print_json(batch_json(batch) | {"file": str(asked.out), "sha256": written[0]})
        return Exit.DONE
    made = say("vouchers.made", count=batch.count, face=format_money(batch.face, locale()))
    out.print(f" [bold green]✓[/]  [bold]{escape(made)}[/]")
    out.print(f"    [dim]{say('vouchers.batch')}[/]  {batch.id}")
    out.print(f"    [dim]{say('vouchers.file')}[/]  {escape(str(asked.out))}")
    out.print(f"    [dim]SHA-256[/]  {written[0]}")
    out.print(f"    {escape(say('vouchers.next', batch=batch.id))}")
    return Exit.DONE


async def _approved(store: Store, batch_id: str) -> Batch:
    """A batch before any file is begun. Raises Conflict voucher_batch_waits, voucher_batch_stands; NotFound
    voucher_batch_unknown.
    """
    try:
        async with store.database.read() as transaction:
            batch = await queries.batch_of(transaction.connection, batch_id)
    except NotFound:
        waiting = await Approvals(database=store.database, kinds=[kind()]).page(waiting=True, limit=MAXIMUM_PAGE)
        if any(one.subject == batch_id for one in waiting):
            raise Conflict("voucher_batch_waits") from None
        raise
    if batch.state is not VoucherState.APPROVED:
        raise Conflict("voucher_batch_stands", status=batch.state.value)
    return batch


def _desk(store: Store) -> VoucherDesk:
    return VoucherDesk(database=store.database, keys=store.keyring, lanes=store.installation.lanes)


async def make_demonstration(runtime: Runtime, settings: Settings, *, as_json: bool) -> Exit:
    """Cards to try out, their PINs on the screen: in a demonstration only. Raises Forbidden not_a_demonstration."""
    async with runtime.store(settings) as store:
        if not store.installation.demo:
            raise Forbidden("not_a_demonstration")
        async with store.database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            wanted = Wanted(_TRIED_OUT, _CARDS, now + _TRIED_FOR, "cli")
            keys, lanes = store.keyring, store.installation.lanes
            batch, printed = await operations.make(connection, wanted, now, keys=keys, lanes=lanes)
            await operations.exported(connection, batch_id=batch.id, now=now)
            await operations.activate(connection, batch_id=batch.id, now=now)
    if as_json:
        print_json({"batch": batch.id, "cards": [{"serial": one.serial, "pin": one.pin} for one in printed]})
        return Exit.DONE
    out.print(say("vouchers.try_these", face=format_money(_TRIED_OUT, locale())))
    for one in printed:
        out.print(f"    [bold]{grouped(one.pin)}[/]  [dim]{one.serial}[/]")
    return Exit.DONE


async def list_batches(runtime: Runtime, settings: Settings, *, as_json: bool) -> Exit:
    """The batches, newest first."""
    async with runtime.store(settings) as store, store.database.read() as transaction:
        found = await queries.batches(transaction.connection)
    if as_json:
        print_json({"batches": [batch_json(batch) for batch in found]})
        return Exit.DONE
    if not found:
        out.print(say("vouchers.none"))
        return Exit.DONE
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("batch", "state", "count", "face", "until"):
        table.add_column(say(f"vouchers.{heading}"), justify="right" if heading in {"count", "face"} else "left")
    for batch in found:
        state, face = say(f"voucher.{batch.state}"), format_money(batch.face, locale())
        table.add_row(batch.id, state, str(batch.count), face, f"{batch.valid_until:%Y-%m-%d %H:%M} UTC")
    out.print(table)
    return Exit.DONE


async def show_vouchers(runtime: Runtime, settings: Settings, *, which: str, as_json: bool) -> Exit:
    """A batch with how many of it are in which state, or one voucher. Raises voucher_batch_unknown, voucher_unknown."""
    async with runtime.store(settings) as store, store.database.read() as transaction:
        if not is_id("batch", which):
            return _show_one(await queries.voucher(transaction.connection, which.upper()), as_json=as_json)
        batch = await queries.batch_of(transaction.connection, which)
        counts = await queries.counts(transaction.connection, batch.id)
    if as_json:
        print_json(batch_json(batch) | {"counts": {state.value: count for state, count in counts.items()}})
        return Exit.DONE
    _print_batch(batch)
    for state, count in counts.items():
        out.print(f"    [dim]{say(f'voucher.{state}')}[/]  {count}")
    return Exit.DONE


def _show_one(voucher: queries.Voucher, *, as_json: bool) -> Exit:
    if as_json:
        print_json(
            {
                "serial": voucher.serial,
                "status": voucher.state.value,
                "face": money_json(voucher.batch.face),
                "batch": voucher.batch.id,
                "payment_id": voucher.payment_id,
                "since": voucher.state_since,
            }
        )
        return Exit.DONE
    out.print(f" [bold]{voucher.serial}[/]  {say(f'voucher.{voucher.state}')}")
    _print_batch(voucher.batch)
    if voucher.payment_id:
        out.print(f"    [dim]{say('vouchers.paid')}[/]  {voucher.payment_id}")
    return Exit.DONE


async def activate_batch(runtime: Runtime, settings: Settings, *, batch_id: str, as_json: bool) -> Exit:
    """Let a batch pay. Raises those of `operations.activate`."""
    async with runtime.store(settings) as store:
        batch = await _desk(store).activate(batch_id=batch_id, by=_BY)
    return _say_batch(batch, "vouchers.activated", as_json=as_json)


async def hand_over(runtime: Runtime, settings: Settings, *, serial: str, shop: str, sku: str, key: str) -> Exit:
    """Sell one card over a counter. Raises those of `VoucherDesk.hand_over`."""
    serial = serial.upper()
    async with runtime.store(settings) as store:
        key = key or f"hand-over:{serial}"
        batch = await _desk(store).hand_over(serial=serial, shop=shop, sku=sku, by=_BY, key=key)
    face = format_money(batch.face, locale())
    out.print(f" [bold green]✓[/]  [bold]{escape(say('vouchers.handed_over', serial=serial, face=face))}[/]")
    return Exit.DONE


async def block_vouchers(runtime: Runtime, settings: Settings, *, which: str, yes: bool, as_json: bool) -> Exit:
    """Block a batch or one voucher, for ever, after asking. Raises those of `operations.block` and `block_one`."""
    if not yes and (as_json or not err.is_terminal):
        complain_in_words(say("vouchers.needs_yes"), say("vouchers.needs_yes.do"))
        return Exit.USAGE
    if not yes and not ask(say("vouchers.block_now", which=which)):
        err.print(f"[dim]{say('vouchers.nothing_done')}[/]")
        return Exit.REFUSED
    batch = None
    async with runtime.store(settings) as store:
        if is_id("batch", which):
            batch = await _desk(store).block(batch_id=which, by=_BY)
        else:
            await _desk(store).block_one(serial=which.upper(), by=_BY)
    if batch is not None:
        return _say_batch(batch, "vouchers.blocked", as_json=as_json)
    if as_json:
        print_json({"serial": which.upper(), "status": VoucherState.BLOCKED.value})
    else:
        out.print(f" [bold green]✓[/]  [bold]{say('vouchers.one_blocked', serial=which.upper())}[/]")
    return Exit.DONE


async def show_slips(runtime: Runtime, settings: Settings, *, order_id: str, as_json: bool) -> Exit:
    """The credit slips of an order, with their PINs where they may still be looked at. Raises order_unknown."""
    async with runtime.house(settings, outside=False) as house:
        order = await house.desk.get_order(order_id=order_id)
        async with house.store.database.transaction() as transaction:
            found = await slips.show(
                transaction.connection,
                [payment.id for payment in order.payments],
                transaction.now,
                keys=house.store.keyring,
            )
    if as_json:
        print_json({"credit_slips": [_slip_json(one) for one in found]})
        return Exit.DONE
    if not found:
        out.print(say("vouchers.no_slips"))
    for one in found:
        amount = format_money(one.slip.amount, locale())
        out.print(f" [bold]{one.slip.serial}[/]  {amount}  {one.slip.valid_until:%Y-%m-%d}")
        out.print(f"    {grouped(one.pin) if one.pin else say('vouchers.pin_was_shown')}")
    return Exit.DONE


def _slip_json(one: slips.ShownSlip) -> dict[str, Any]:
    return {
        "serial": one.slip.serial,
        "amount": money_json(one.slip.amount),
        "valid_until": one.slip.valid_until,
        "pin": one.pin,
    }


def _say_batch(batch: Batch, words: str, *, as_json: bool) -> Exit:
    if as_json:
        print_json(batch_json(batch))
    else:
        out.print(f" [bold green]✓[/]  [bold]{say(words, count=batch.count)}[/]")
        _print_batch(batch)
    return Exit.DONE


def _print_batch(batch: Batch) -> None:
    state, face = say(f"voucher.{batch.state}"), format_money(batch.face, locale())
    out.print(f"    {batch.id}  {state}  {batch.count} × {face}  {batch.valid_until:%Y-%m-%d %H:%M} UTC")


def batch_json(batch: Batch) -> dict[str, Any]:
    """A batch for programs."""
    return {
        "id": batch.id,
        "status": batch.state.value,
        "face": money_json(batch.face),
        "count": batch.count,
        "carrier_id": batch.carrier_id,
        "valid_until": batch.valid_until,
        "created_at": batch.created_at,
    }
