"""The codes of a batch that was approved: written in parts, their file kept, and only then all good at once."""

import asyncio
import csv
import io
from collections.abc import Callable, Sequence

from topup.offers.batches import operations
from topup.offers.batches.operations import AT_ONCE
from topup.offers.batches.queries import Batch, batch_of
from topup.offers.codes import drawn
from topup.platform.crash import crash_label, crash_point
from topup.platform.database import Database
from topup.platform.keys import KeyRing
from topup.work import trail

Keep = Callable[[Batch, Sequence[str]], str]
"""Writes the codes where they stay; gives the SHA-256 of what it wrote."""
Progress = Callable[[int, int], None]
"""Is told how many of how many codes are written."""

_BEFORE_PART = crash_label("offers.coupons.part.before_commit")
_AFTER_PART = crash_label("offers.coupons.part.after_commit")
_BEFORE_MAKING = crash_label("offers.coupons.made.before_commit")
_AFTER_MAKING = crash_label("offers.coupons.made.after_commit")


async def make(database: Database, keys: KeyRing, *, batch_id: str, by: str, keep: Keep, progress: Progress) -> Batch:
    """Make it, once. Where the process dies on the way no code is good, and the batch can be made anew: then with other
    codes, and what was written before is worth nothing. `keep` runs once, in a thread, when all codes are written.

    Raises those of `operations.begin` and `operations.write`, and whatever `keep` raises.
    """
    async with database.transaction() as transaction:
        before = await batch_of(transaction.connection, batch_id)
        batch = await operations.begin(transaction.connection, batch_id, transaction.now)
    await _swept(database, batch)
    codes = await _written(database, keys, batch, progress)
    sha256 = await asyncio.to_thread(keep, batch, codes)
    async with database.transaction() as transaction:
        made = await operations.finish(transaction.connection, batch, transaction.now)
        facts = {
            "carrier": made.campaign.carrier_id,
            "campaign": made.campaign.campaign_id,
            "count": made.count,
            "sha256": sha256,
            **trail.change({"state": before.state.value}, {"state": made.state.value}),
        }
        await trail.write(
            transaction.connection,
            actor=by,
            action="offer.codes_made",
            subject=made.id,
            facts=facts,
            now=transaction.now,
        )
        crash_point(_BEFORE_MAKING)
    crash_point(_AFTER_MAKING)
    return made


async def _swept(database: Database, batch: Batch) -> None:
    """Remove what was written before it was begun anew, a part at a time."""
    # One more part than there can be: each full part removes AT_ONCE of at most MOST codes a draw.
    for _ in range(batch.draw * (operations.MOST // AT_ONCE) + 1):
        async with database.transaction() as transaction:
            gone = await operations.sweep(transaction.connection, batch)
        if gone < AT_ONCE:
            return


async def _written(database: Database, keys: KeyRing, batch: Batch, progress: Progress) -> list[str]:
    """The codes, whose marks are written; one that was there already is drawn anew."""
    codes: list[str] = []
    progress(0, batch.count)
    while len(codes) < batch.count:
        wanted = min(AT_ONCE, batch.count - len(codes))
        by_mark = await asyncio.to_thread(_marked, keys, batch.prefix, wanted)
        async with database.transaction() as transaction:
            new = await operations.write(transaction.connection, batch, list(by_mark))
            crash_point(_BEFORE_PART)
        crash_point(_AFTER_PART)
        codes += [text for mark, text in by_mark.items() if mark in new]
        progress(len(codes), batch.count)
    return codes


def _marked(keys: KeyRing, prefix: str, count: int) -> dict[bytes, str]:
    return {keys.marks(text)[0]: text for text in drawn(prefix, count)}


def listed(batch: Batch, codes: Sequence[str]) -> bytes:
    """The file of a batch: CSV with a line for each code, its campaign and its last day."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(["code", "carrier", "campaign", "last_day"])
    last = batch.last_day.isoformat() if batch.last_day else ""
    writer.writerows([code, batch.campaign.carrier_id, batch.campaign.campaign_id, last] for code in codes)
    return text.getvalue().encode()
