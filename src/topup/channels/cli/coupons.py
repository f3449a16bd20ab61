"""`topup offers codes`: batches of an offer's own codes asked for, made for whoever gives them out, told, blocked."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress
from rich.table import Table

from topup.channels.cli.adjusting import CommandLine
from topup.channels.cli.exits import Exit
from topup.channels.cli.ports import Runtime, Store
from topup.channels.cli.screen import ask, complain_in_words, err, out, print_json
from topup.channels.cli.speech import say
from topup.kernel.errors import Conflict, NotFound
from topup.offers.batches import blocking
from topup.offers.batches.approving import asking_for, kind, prefix_of
from topup.offers.batches.making import listed, make
from topup.offers.batches.queries import Batch, Shares, batch_of, batches, shares
from topup.offers.batches.states import BATCH, BatchState
from topup.offers.counting import CampaignKey
from topup.platform.sealed_files import claim_file, read_recipient, sealed, write_durably
from topup.platform.settings import Settings
from topup.work.approvals import MAXIMUM_PAGE, Approvals

_BY: Final = "cli"


@dataclass(frozen=True, slots=True)
class BatchAsked:
    """What was typed of a batch that is wished for."""

    campaign: str
    count: int
    until: str
    reason: str
    as_json: bool


@dataclass(frozen=True, slots=True)
class FileAsked:
    """What was typed of the file of a batch that was approved."""

    batch_id: str
    recipient: Path
    out: Path
    as_json: bool


async def ask_for_batch(runtime: Runtime, settings: Settings, asked: BatchAsked) -> Exit:
    """Ask that a batch be made: another decides, in the console. Raises those of `Approvals.request` and the kind's."""
    async with runtime.store(settings) as store:
        lanes = store.installation.lanes
        said = {"count": str(asked.count), "until": asked.until}
        wish = asking_for(_campaign(asked.campaign), said, reason=asked.reason, lanes=lanes)
        made = await Approvals(database=store.database, kinds=[kind(lanes=lanes)]).request(CommandLine(), wish)
    if asked.as_json:
        print_json({"id": made.id, "batch": made.subject, "status": made.state.value, "expires_at": made.expires_at})
        return Exit.UNRESOLVED
    out.print(f" [bold]…[/]  {escape(say('vouchers.asked'))}")
    out.print(f"    [dim]{say('adjust.request')}[/]  {made.id}")
    out.print(f"    [dim]{say('vouchers.batch')}[/]  {made.subject}")
    out.print(f"    {escape(say('coupons.asked_next', batch=made.subject))}")
    return Exit.UNRESOLVED


async def make_batch(runtime: Runtime, settings: Settings, asked: FileAsked) -> Exit:
    """Make a batch that was approved, and its file. The codes are in that alone.

    Raises those of `making.make` and `sealed_files`; Conflict coupon_batch_waits.
    """
    recipient = read_recipient(asked.recipient)
    async with runtime.store(settings) as store:
        await _check_approved(store, asked.batch_id)
        descriptor = claim_file(asked.out)
        written: list[str] = []

        def keep(batch: Batch, codes: Sequence[str]) -> str:
            written.append(write_durably(asked.out, descriptor, sealed(listed(batch, codes), recipient)))
            return written[0]

        with ExitStack() as stack:
            progress = stack.enter_context(_progress(quiet=asked.as_json))
            task = progress.add_task("", total=None)
            try:
                batch = await make(
                    store.database,
                    store.keyring,
                    batch_id=asked.batch_id,
                    by=_BY,
                    keep=keep,
                    progress=lambda done, count: progress.update(task, completed=done, total=count),
                )
            except BaseException:
                # A file that is whole stays: whether its batch was made may be unknown now.
                if not written:
                    asked.out.unlink(missing_ok=True)
                raise
    if asked.as_json:
        print_json(_json(batch, None) | {"file": str(asked.out), "sha256": written[0]})
        return Exit.DONE
    out.print(f" [bold green]✓[/]  [bold]{escape(say('coupons.made', count=batch.count))}[/]")
    out.print(f"    [dim]{say('vouchers.batch')}[/]  {batch.id}")
    out.print(f"    [dim]{say('vouchers.file')}[/]  {escape(str(asked.out))}")
    out.print(f"    [dim]SHA-256[/]  {written[0]}")
    return Exit.DONE


async def list_batches(runtime: Runtime, settings: Settings, *, campaign: str, as_json: bool) -> Exit:
    """The batches of a campaign, newest first, and what became of their codes. Raises those of `prefix_of`."""
    key = _campaign(campaign)
    async with runtime.store(settings) as store, store.database.read() as transaction:
        connection, now, lanes = transaction.connection, transaction.now, store.installation.lanes
        carrier, _ = await prefix_of(connection, key)
        coupon = next(one.coupon for one in carrier.document.campaigns if one.id == key.campaign_id)
        found = await batches(connection, key, lanes=lanes)
        told = await shares(connection, found, uses=(coupon.most_uses if coupon else None) or 1, lanes=lanes)
    if as_json:
        print_json({"batches": [_json(one, told[one.id]) for one in found]})
        return Exit.DONE
    if not found:
        out.print(say("coupons.none"))
        return Exit.DONE
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("batch", "state", "until", "count", "redeemed", "held", "blocked", "left"):
        is_number = heading in {"count", "redeemed", "held", "blocked", "left"}
        table.add_column(say(f"coupons.{heading}"), justify="right" if is_number else "left")
    for one in found:
        share = told[one.id]
        over = one.state is BatchState.MADE and one.is_over(now)
        state = say("coupon.over" if over else f"coupon.{one.state}", made=one.made)
        numbers = (one.count, share.redeemed, share.held, share.blocked, share.left)
        table.add_row(one.id, state, one.last_day.isoformat() if one.last_day else "", *map(str, numbers))
    out.print(table)
    return Exit.DONE


async def block_codes(
    runtime: Runtime, settings: Settings, *, which: str, reason: str, yes: bool, campaign: str = ""
) -> Exit:
    """Block a batch, or one code of a `campaign`, for ever, after asking. Raises those of `blocking`."""
    if not yes and not err.is_terminal:
        complain_in_words(say("vouchers.needs_yes"), say("vouchers.needs_yes.do"))
        return Exit.USAGE
    if not yes and not ask(say("vouchers.block_now", which=which)):
        err.print(f"[dim]{say('vouchers.nothing_done')}[/]")
        return Exit.REFUSED
    async with runtime.store(settings) as store:
        facts: dict[str, Any] = {"reason": reason, "by": _BY, "lanes": store.installation.lanes}
        if campaign:
            key = _campaign(campaign)
            await blocking.block_code(store.database, store.keyring, key, text=which, **facts)
            said = say("coupons.one_blocked")
        else:
            batch = await blocking.block_batch(store.database, batch_id=which, **facts)
            said = say("coupons.blocked_now", count=batch.count)
    out.print(f" [bold green]✓[/]  [bold]{escape(said)}[/]")
    return Exit.DONE


async def _check_approved(store: Store, batch_id: str) -> None:
    """Before any file is begun. Raises Conflict coupon_batch_waits, coupon_batch_stands; NotFound
    coupon_batch_unknown.
    """
    try:
        async with store.database.read() as transaction:
            batch = await batch_of(transaction.connection, batch_id)
    except NotFound:
        approvals = Approvals(database=store.database, kinds=[kind(lanes=store.installation.lanes)])
        if any(one.subject == batch_id for one in await approvals.page(waiting=True, limit=MAXIMUM_PAGE)):
            raise Conflict("coupon_batch_waits") from None
        raise
    if not BATCH.permits(batch.state, BatchState.MAKING):
        raise Conflict("coupon_batch_stands", status=batch.state.value)


def _campaign(text: str) -> CampaignKey:
    """What the trail and the console call it: `lakeside/members`."""
    carrier, _, campaign = text.partition("/")
    return CampaignKey(carrier, campaign)


def _progress(*, quiet: bool) -> Progress:
    """How far it is, where somebody looks."""
    shown = err.is_terminal and not quiet
    return Progress(BarColumn(), MofNCompleteColumn(), console=err, transient=True, disable=not shown)


def _json(batch: Batch, told: Shares | None) -> dict[str, Any]:
    counted = {"redeemed": told.redeemed, "held": told.held, "blocked": told.blocked, "left": told.left} if told else {}
    return {
        "id": batch.id,
        "campaign": f"{batch.campaign.carrier_id}/{batch.campaign.campaign_id}",
        "status": batch.state.value,
        "count": batch.count,
        "made": batch.made,
        "last_day": batch.last_day.isoformat() if batch.last_day else None,
        "approved_at": batch.approved_at,
    } | counted
