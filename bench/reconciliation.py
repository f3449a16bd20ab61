"""How many lines of a bill a second are read, kept and held against the books, and what memory that takes in Python.

A million lines of a day, as many captures and their transfers in the ledger, a hundred differences. The books are
written by SQL, as nobody could wait for a million orders; what is measured is all that happens from the first line of
the bill to the last difference: `orders.bills` reading page by page, the COPY, the look for payments nobody told of,
the comparison, the postings. `python -m bench.reconciliation` is this part alone.
"""

import argparse
import asyncio
import json
import resource
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
import psycopg
import uvloop

from topup.kernel.errors import NotFound
from topup.kernel.money import Money
from topup.orders.bills import Bills
from topup.orders.outside import Ears
from topup.payments.ports import BillLine, Capability
from topup.platform.database import Database
from topup.platform.embedded import EmbeddedServer
from topup.platform.migrations import migrate
from topup.platform.settings import Settings
from topup.reconciliation.desk import Reconciliation
from topup.reconciliation.queries import report

LINES: Final = 1_000_000
MISSING: Final = 50
"""Payments that the books lack, and as many that the bill lacks."""
DAY: Final = date(2026, 3, 10)
METHOD: Final = "bench"
_PAGE: Final = 1_000
_START: Final = datetime(2026, 3, 10, tzinfo=UTC)
_STEM: Final = "lpad(n::text, 10, '0') || '0' || substr('0123456789abcdefghjkmnpqrstvwxyz', (n % 16)::integer + 1, 1)"
_TAIL: Final = "0" * 14
_BOOKS: Final = f"""
INSERT INTO payments.payments (lane, id, order_id, method, scene, amount_minor, currency, fee_minor, state, created_at,
    state_since, expires_at)
SELECT n % 16, 'pay_' || {_STEM} || '{_TAIL}', 'ord_' || {_STEM} || '{_TAIL}', '{METHOD}', 'phone', 5000, 'CNY', 0,
    'paid', t.at, t.at, t.at
FROM generate_series(0, %(lines)s - 1) AS n,
    LATERAL (SELECT %(start)s::timestamptz + n * %(step)s::interval AS at) AS t;
INSERT INTO payments.captures (lane, payment_id, reference, amount_minor, currency, paid_at, recorded_at, disposition,
    refunded_minor)
SELECT lane, id, 'r' || id, 5000, 'CNY', created_at, created_at, 'kept', 0 FROM payments.payments;
INSERT INTO ledger.transfers (lane, sequence, key, leg, fingerprint, debit, credit, asset, amount, purpose, created_at)
SELECT lane, 1000000000 + row_number() OVER (PARTITION BY lane ORDER BY id), id || ':capture:r' || id, 0, '',
    'clearing:{METHOD}', 'suspense', 'CNY', 5000, 'capture', created_at FROM payments.payments;
"""
_MISSING: Final = (
    "DELETE FROM payments.captures WHERE payment_id IN (SELECT id FROM payments.payments ORDER BY id LIMIT %s)"
)
_LETTERS: Final = "0123456789abcdefghjkmnpqrstvwxyz"


class LongBill:
    """A provider whose bill has a million lines, given page by page."""

    name = METHOD
    capabilities = frozenset({Capability.BILL})

    def __init__(self, lines: int) -> None:
        self._lines = lines

    async def bill_lines(self, day: date) -> AsyncIterator[Sequence[BillLine]]:
        """The lines of the books, but for the last MISSING."""
        assert day == DAY
        for first in range(0, self._lines - MISSING, _PAGE):
            yield [_line(n, self._lines) for n in range(first, min(first + _PAGE, self._lines - MISSING))]


def _line(n: int, lines: int) -> BillLine:
    number = f"pay_{n:010d}0{_LETTERS[n % 16]}{_TAIL}"
    at = _START + n * timedelta(days=1) / lines
    return BillLine("payment", number, f"r{number}", Money(5000, "CNY"), at, Money(30, "CNY"))


async def alone() -> dict[str, float]:
    """The figures of `measure`, taken by a process of its own."""
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.reconciliation", stdout=asyncio.subprocess.PIPE
    )
    said, _ = await program.communicate()
    assert program.returncode == 0
    return msgspec.json.decode(said, type=dict[str, float])


async def measure(url: str, lines: int = LINES) -> dict[str, Any]:
    """Lines a second, the seconds of each part, and the peak of this process's memory while it is done, in MB."""
    await asyncio.to_thread(migrate, url)
    await asyncio.to_thread(_write_books, url, lines)
    settings = Settings(database_url=url)  # type: ignore[arg-type]  # as the environment would give it
    async with Database.open(settings=settings, migrating=False) as database:
        gateways: Any = {METHOD: LongBill(lines)}
        desk = Reconciliation(database=database, gateways=gateways)
        bills = Bills(database=database, gateways=gateways, ears=Ears(*[_nobody] * 4), keeping=desk.keeping)
        before_mb = _peak_mb()
        started = time.perf_counter()
        await bills.read_day(method=METHOD, day=DAY)
        read_s = time.perf_counter() - started
        await desk.compare(method=METHOD, day=DAY)
        elapsed_s = time.perf_counter() - started
        async with database.read() as transaction:
            found = await report(transaction.connection, method=METHOD, day=DAY)
    assert found.open == {"missing_there": MISSING, "status": MISSING}, found.open
    assert found.is_tied, found.ties
    return {
        "bill_lines_per_s": lines / elapsed_s,
        "bill_of_a_million_s": elapsed_s * LINES / lines,
        "bill_read_s": read_s,
        "bill_compared_s": elapsed_s - read_s,
        "bill_peak_rss_mb": _peak_mb(),
        "bill_rss_before_mb": before_mb,
    }


async def _nobody(told: Any) -> Any:
    """What the bill alone knows of stays unsettled here: it is among the differences."""
    raise NotFound("payment_unknown", told=type(told).__name__)


def _write_books(url: str, lines: int) -> None:
    """Books of a day, without waiting for the disk; the first MISSING payments brought no money that we heard of."""
    step = timedelta(days=1) / lines
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET synchronous_commit = off")
        for statement in _BOOKS.split(";\n"):
            if statement.strip():
                said = {"lines": lines, "start": _START, "step": step}
                names = {name: value for name, value in said.items() if f"%({name})s" in statement}
                connection.execute(statement.replace("n % 16", "n %% 16") if names else statement, names or None)
        connection.execute(_MISSING, (MISSING,))
        for table in ("payments.payments", "payments.captures", "ledger.transfers"):
            connection.execute(f"VACUUM ANALYZE {table}")


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measure on a server of our own and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=LINES)
    lines = parser.parse_args().lines
    with tempfile.TemporaryDirectory(prefix="topup-bench-") as above:
        Path(above).chmod(0o711)  # the server's system user passes through
        data_dir = Path(above) / "data"
        data_dir.mkdir(mode=0o700)
        with EmbeddedServer.start(data_dir) as server:
            figures = uvloop.run(measure(server.url, lines))
    print(json.dumps({name: round(figure, 3) for name, figure in figures.items()}, indent=2))


if __name__ == "__main__":
    main()
