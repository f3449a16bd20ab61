"""How long a batch of 200 000 codes is in the making, and what codes and what orders hold of them weigh.
`python -m bench.coupons [CODES]`.

Making is drawing, the HMACs and the rows, in the parts of `offers.batches.making`, durable. Then some codes are held
and used, PORTION orders at a time: so the index that says which order holds a code fills and empties as it does in
life.
"""

import asyncio
import gc
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Final

import uvloop
from pydantic import SecretStr

from bench import pgbench
from bench.ledger import databases
from topup.bootstrap import GENERATIONS
from topup.catalogue.campaigns import Limits
from topup.kernel.ids import new_id
from topup.offers import operations
from topup.offers.batches import making
from topup.offers.batches import operations as batches
from topup.offers.batches.queries import Batch
from topup.offers.counting import CampaignKey, Wanted
from topup.platform.database import Database
from topup.platform.embedded import EmbeddedServer
from topup.platform.keys import KeyRing
from topup.platform.migrations import migrate
from topup.platform.settings import Settings

LANES: Final = 16
CAMPAIGN: Final = CampaignKey("bench", "bench")
PORTION: Final = 200
USED: Final = 20_000
_TABLES: Final = "SELECT pg_total_relation_size('offers.codes'), pg_relation_size('offers.codes')"
_INDEX: Final = "SELECT pg_relation_size('offers.reservations_holding')"


async def made(database: Database, keys: KeyRing, count: int) -> float:
    """How many codes of one batch are made a second."""
    async with database.transaction() as transaction:
        wanted = batches.Wanted(CAMPAIGN, "BENCH", count, None, None, "bench")
        lane = CAMPAIGN.lane(LANES)
        ids = {"batch_id": new_id("coupons", lane), "approval_id": new_id("approval", lane)}
        batch = await batches.approve(transaction.connection, wanted, now=transaction.now, lanes=LANES, **ids)
    began = time.perf_counter()
    await making.make(database, keys, batch_id=batch.id, by="bench", keep=_kept, progress=lambda *_: None)
    return count / (time.perf_counter() - began)


def _kept(_batch: Batch, codes: object) -> str:
    assert codes
    return "0" * 64


async def used(database: Database) -> list[int]:
    """The size of the index that says who holds a code, bytes: with PORTION held, when USED were held in turns and
    used, and with all of USED held at once.
    """
    sizes = []
    for start in range(0, USED, PORTION):
        held = await _held(database, range(start, start + PORTION))
        sizes.append(await _size(database))
        async with database.transaction() as transaction:
            keys = [operations.key_of(one) for one in held]
            await operations.settle(transaction.connection, keys, transaction.now, lanes=LANES)
    for start in range(USED, 2 * USED, PORTION):
        await _held(database, range(start, start + PORTION))
    return [sizes[0], sizes[-1], await _size(database)]


async def _held(database: Database, numbers: range) -> list[Wanted]:
    async with database.transaction() as transaction:
        now = transaction.now
        wanted = [
            Wanted(
                campaign=CAMPAIGN,
                order_id=new_id("order", number % LANES),
                off_minor=500,
                limits=Limits(total=10**9, per_person=1),
                day=now.date(),
                expires_at=now + timedelta(minutes=30),
                persons=(f"{number:032x}",),
                code=f"{number:064x}",
                code_uses=1,
            )
            for number in numbers
        ]
        assert not any(await operations.reserve(transaction.connection, wanted, now, lanes=LANES))
    return wanted


async def _size(database: Database) -> int:
    async with database.read() as transaction:
        [(size,)] = await (await transaction.connection.execute(_INDEX)).fetchall()
    return int(size)


async def measure(url: str, data_dir: Path, count: int) -> dict[str, float]:
    """All of it, on the cluster of `url` (an owner's address)."""
    with databases(url) as (yardstick, ours):
        await pgbench.prepare(yardstick, seconds=10)
        await asyncio.to_thread(migrate, ours)
        async with Database.open(settings=Settings(database_url=SecretStr(ours)), migrating=False) as database:
            rate = await made(database, KeyRing(data_dir / "keys"), count)
            async with database.read() as transaction:
                [(total, rows)] = await (await transaction.connection.execute(_TABLES)).fetchall()
            first, last, full = await used(database)
        one = await pgbench.transactions_per_s(yardstick, clients=1, seconds=5)
    return {
        "codes_per_s": rate,
        "codes_vs_pgbench_n_1": rate / one,
        "bytes_per_code": total / count,
        "of_these_rows": rows / count,
        f"holding_index_kb_with_{PORTION}_held": first / 1024,
        f"holding_index_kb_after_{USED}_in_turns": last / 1024,
        "holding_index_bytes_per_held": full / USED,
    }


def main() -> None:
    """Measure, and print."""
    gc.set_threshold(*GENERATIONS)
    count = int(sys.argv[1]) if len(sys.argv) > 1 else batches.MOST
    with tempfile.TemporaryDirectory(prefix="topup-bench-") as above:
        Path(above).chmod(0o711)  # the database's system user passes through
        data_dir = Path(above) / "data"
        data_dir.mkdir(mode=0o700)
        with EmbeddedServer.start(data_dir) as server:
            found = uvloop.run(measure(server.url, data_dir, count))
    print("\n".join(f"{name} {figure:.2f}" for name, figure in found.items()))


if __name__ == "__main__":
    main()
