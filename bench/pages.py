"""How long pages take the server, and what a first visit weighs, with an operator's lines and orders behind them.

The orders are copies, made by the database, of one that was really paid and delivered: with its price, steps, payment
and receipt, spread over all lines and lanes. One subscriber, who reads, has two hundred of them. One page is asked for
at a time: what is measured is the server's own time for it. `python -m bench.pages` is this part alone.
"""

import argparse
import asyncio
import gzip
import http.client
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from typing import Final

import uvloop

from bench import console
from bench.server import Server, serving
from topup.bootstrap.store import open_store
from topup.channels.cli.ports import Store
from topup.kernel.msisdn import parse_msisdn
from topup.lines import owners
from topup.lines.queries import lines_now
from topup.people.subscribers import accounts, devices
from topup.people.subscribers.devices import Browser
from topup.platform.database import Connection
from topup.platform.settings import load_settings

LINES: Final = 100_000
ORDERS: Final = 1_000_000
QUICK_LINES: Final = 2_000
QUICK_ORDERS: Final = 5_000
OWN: Final = 200
"""Orders of the one who reads."""
TIMES: Final = 100
QUICK_TIMES: Final = 20
NUMBER: Final = "13800138000"
_STEP: Final = 50_000
_LANES: Final = 16
_AGO: Final = "interval '25 s' * n"
_LINE: Final = "(n %% %(lines)s)"
_LANE: Final = f"({_LINE} %% {_LANES})::smallint"
# The shape of ids: their time (here a number), the lane, chance.
_STEM: Final = f"lpad(n::text, 10, '0') || '0' || to_hex({_LANE}::integer) || substr(md5(n::text), 1, 14)"
_MSISDN: Final = f"'+861391' || lpad({_LINE}::text, 7, '0')"
_COLUMNS: Final = """
SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped
    AND attgenerated = '' ORDER BY attnum
"""
_GUESTS: Final = frozenset({"start", "sign_in"})
"""Pages of those who are not signed in."""
_ASSETS: Final = re.compile(r'(?:src|href)="(/assets/[^"]+|/manifest\.webmanifest)"')


def _copies(key: str) -> Mapping[str, tuple[str, Mapping[str, str]]]:
    """By table: which of its rows are copied, and what is another in each copy. `r` is the row, `n` its number."""
    order, quote, payment = (f"'{prefix}_' || {_STEM}" for prefix in ("ord", "quo", "pay"))
    moved = {name: f"r.{name} - {_AGO}" for name in ("created_at", "state_since", "expires_at")}
    return {
        "orders.quotes": (
            "r.id = (SELECT quote_id FROM orders.orders WHERE id = %(order)s)",
            {"lane": _LANE, "id": quote, "expires_at": f"r.expires_at - {_AGO}"},
        ),
        "orders.orders": (
            f"r.id = {key}",
            {
                **moved,
                "lane": _LANE,
                "id": order,
                "quote_id": quote,
                "msisdn": _MSISDN,
                "kept_payment_id": payment,
                "payer_id": "CASE WHEN n %% %(every)s = 0 THEN %(reader)s"
                " WHEN n %% 3 = 0 THEN 'sub_' || lpad((n %% 50000)::text, 26, '0') END",
            },
        ),
        "orders.history": (f"r.order_id = {key}", {"lane": _LANE, "order_id": order, "at": f"r.at - {_AGO}"}),
        "orders.receipts": (
            f"r.order_id = {key}",
            {"lane": _LANE, "order_id": order, "year": "2000", "number": "n", "issued_at": f"r.issued_at - {_AGO}"},
        ),
        "payments.payments": (
            f"r.order_id = {key}",
            {**moved, "lane": _LANE, "id": payment, "order_id": order, "ask_at": "NULL"},
        ),
        "payments.captures": (
            "r.payment_id = (SELECT kept_payment_id FROM orders.orders WHERE id = %(order)s)",
            {"lane": _LANE, "payment_id": payment, "reference": _STEM, "paid_at": f"r.paid_at - {_AGO}"},
        ),
    }


@dataclass(frozen=True, slots=True)
class Furnished:
    """Who reads, and what of theirs there is to be read."""

    token: str
    order_id: str
    line_id: str


async def furnish(data_dir: Path, *, lines: int, orders: int) -> Furnished:
    """Load lines and orders, and sign somebody in who has some of them."""
    settings = load_settings(data_dir=data_dir, demo=True)
    command = [sys.executable, "-m", "topup", "recharge", NUMBER, "50", "--pay", "sandbox", "--yes"]
    environment = os.environ | {"TOPUP_DATA_DIR": str(data_dir), "TOPUP_DEMO": "1"}
    await asyncio.to_thread(
        subprocess.run, command, env=environment, check=True, capture_output=True, timeout=60, stdin=subprocess.DEVNULL
    )
    async with open_store(settings) as store:
        found = await _reader(store)
        async with store.database.read() as transaction:
            row = await (
                await transaction.connection.execute("SELECT id, payer_id FROM orders.orders WHERE state = 'delivered'")
            ).fetchone()
        assert row is not None
        values = {"order": row[0], "lines": lines, "every": orders // OWN, "reader": found[0]}
        async with store.database.transaction() as transaction:
            await _lines(transaction.connection, values)
        for start in range(1, orders + 1, _STEP):
            async with store.database.transaction() as transaction:
                part = values | {"start": start, "end": min(start + _STEP, orders + 1)}
                await _load(transaction.connection, part)
        async with store.database.read() as transaction:
            cursor = await transaction.connection.execute(
                "SELECT id FROM orders.orders WHERE payer_id = %s ORDER BY created_at DESC LIMIT 1", [found[0]]
            )
            own = await cursor.fetchone()
    assert own is not None
    return Furnished(found[1], own[0], found[2])


async def _reader(store: Store) -> tuple[str, str, str]:
    """A subscriber with the demonstration's line: id, token, and the line's id."""
    async with store.database.transaction() as transaction:
        connection, now = transaction.connection, transaction.now
        e164 = parse_msisdn(NUMBER).e164
        who = await accounts.create(connection, store.keyring, e164=e164, locale="en", elder=False, lane=3, now=now)
        assert who is not None
        line = (await lines_now(connection, [e164]))[e164]
        await owners.bind(connection, subscriber_id=who, line=line.ref, now=now)
        browser = Browser(mark="", before="", name="chrome.android", locale="en", elder=False)
        begun = await devices.begin(connection, subscriber_id=who, browser=browser, door="code", now=now)
        return who, begun.token, line.ref.id


async def _lines(connection: Connection, values: Mapping[str, object]) -> None:
    stem = f"lpad(n::text, 10, '0') || '0' || to_hex((n %% {_LANES})::integer) || substr(md5(n::text), 1, 14)"
    lane, part = f"(n %% {_LANES})::smallint", {**values, "start": 0, "end": values["lines"]}
    where = "(r.lane, r.id) = (SELECT lane, line_id FROM lines.numbers WHERE msisdn = '+8613800138000')"
    await _copy(connection, "lines.lines", where, {"lane": lane, "id": f"'lin_' || {stem}", "next_at": "NULL"}, part)
    changed = {"lane": lane, "line_id": f"'lin_' || {stem}", "msisdn": _MSISDN}
    await _copy(connection, "lines.numbers", "r.msisdn = '+8613800138000'", changed, part)


async def _load(connection: Connection, values: Mapping[str, object]) -> None:
    for table, (where, changed) in _copies("%(order)s").items():
        await _copy(connection, table, where, changed, values)


async def _copy(
    connection: Connection, table: str, where: str, changed: Mapping[str, str], values: Mapping[str, object]
) -> None:
    rows = await (await connection.execute(_COLUMNS, [table])).fetchall()
    names = [row[0] for row in rows]
    chosen = ", ".join(changed.get(name, f"r.{name}") for name in names)
    await connection.execute(
        f"INSERT INTO {table} ({', '.join(names)}) SELECT {chosen} FROM {table} AS r,"
        f" generate_series(%(start)s::bigint, %(end)s::bigint - 1) AS n WHERE {where}",
        values,
    )


def pages(found: Furnished) -> Mapping[str, str]:
    """What is asked for, by what it is called in the results."""
    return {
        "start": "/",
        "sign_in": "/account/sign-in",
        "home": "/home",
        "line": f"/home/lines/{found.line_id}",
        "history": "/history",
        "history_narrowed": f"/history?line={found.line_id}&state=arrived",
        "history_returned": "/history?state=returned",
        "order": f"/orders/{found.order_id}",
        "receipt": f"/orders/{found.order_id}/receipt",
        "account": "/account",
        "messages": "/account/messages",
        "help": "/help",
        "help_times": "/help/times",
        "shops": "/help/shops",
    }


def read(server: Server, found: Furnished, times: int) -> dict[str, float]:
    """The 95th percentile of each page in milliseconds, the worst of them, and the heaviest first visit in kB."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    guest = {"Accept": "text/html", "Accept-Encoding": "gzip"}
    signed_in = {**guest, "Cookie": f"here={found.token}"}
    taken: dict[str, list[float]] = {name: [] for name in pages(found)}
    weights: dict[str, float] = {}
    assets: dict[str, int] = {}
    for turn in range(times + 3):
        for name, path in pages(found).items():
            headers = guest if name in _GUESTS else signed_in
            begun = time.perf_counter()
            status, body, size = _get(connection, path, headers)
            if turn >= 3:  # noqa: PLR2004 - the first ones fill caches
                taken[name].append((time.perf_counter() - begun) * 1000)
            if not turn:
                if status != http.client.OK:
                    raise RuntimeError(f"{path} answered {status}")
                weights[name] = (size + _assets(connection, body, headers, assets)) / 1000
    return {
        **{f"page_p95_ms_{name}": quantiles(found, n=20)[-1] for name, found in taken.items()},
        "page_p95_ms": max(quantiles(found, n=20)[-1] for found in taken.values()),
        "page_weight_kb": max(weights.values()),
    }


def _assets(
    connection: http.client.HTTPConnection, body: bytes, headers: Mapping[str, str], known: dict[str, int]
) -> int:
    """What a page brings with it, compressed."""
    total = 0
    for path in sorted(set(_ASSETS.findall(body.decode()))):
        if path not in known:
            known[path] = _get(connection, path, headers)[2]
        total += known[path]
    return total


def _get(connection: http.client.HTTPConnection, path: str, headers: Mapping[str, str]) -> tuple[int, bytes, int]:
    """Status, body, and its length as it came; a body that was not compressed is taken as a proxy would send it."""
    connection.request("GET", path, headers=dict(headers))
    answer = connection.getresponse()
    body = answer.read()
    if answer.getheader("Content-Encoding") == "gzip":
        return answer.status, gzip.decompress(body), len(body)
    return answer.status, body, min(len(body), len(gzip.compress(body)))


async def measure(data_dir: Path, *, long: bool) -> dict[str, float]:
    """Load, and read every page, and every list of the console."""
    lines, orders, times = (LINES, ORDERS, TIMES) if long else (QUICK_LINES, QUICK_ORDERS, QUICK_TIMES)
    async with serving(data_dir) as server:
        begun = time.perf_counter()
        found = await furnish(data_dir, lines=lines, orders=orders)
        loaded_s = time.perf_counter() - begun
        shown = await asyncio.to_thread(read, server, found, times)
        office = await console.furnish(data_dir, orders=orders)
        listed = await asyncio.to_thread(console.read, server, office, times // 4)
        return {"page_load_s": loaded_s, **shown, **listed}


def main() -> None:
    """This part alone, in a directory of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    with tempfile.TemporaryDirectory(prefix="topup-bench-") as above:
        Path(above).chmod(0o711)
        data_dir = Path(above) / "data"
        data_dir.mkdir(mode=0o700)
        figures = uvloop.run(measure(data_dir, long=not quick))
    print(json.dumps({name: round(figure, 2) for name, figure in figures.items()}, indent=2))


if __name__ == "__main__":
    main()
