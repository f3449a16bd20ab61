"""What offers cost a price: quotes over HTTP of a carrier that has a thousand of them, beside the same without; and the
choice alone. `python -m bench.offers` is this part alone.

The campaigns are all running, and of every kind: for all or for some products, channels and customers, from a price on,
with and without limits, groups and codes; about six hundred of them are open to the price asked for. 64 connections
each ask for the price of one number after another.
"""

import argparse
import asyncio
import json
import random
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import uvloop

from bench.client import Connection
from bench.server import Server, serving
from topup.catalogue.checking import check_bytes
from topup.catalogue.operations import publish
from topup.catalogue.versions import CarrierVersion
from topup.kernel.money import Money
from topup.offers.book import Book
from topup.offers.choosing import choose
from topup.offers.contending import Ranks
from topup.offers.facts import Asking, Uses
from topup.platform.database import Database
from topup.platform.embedded import EmbeddedServer
from topup.platform.settings import Settings

ACTIVE: Final = 1_000
CONNECTIONS: Final = 64
WARM_UP_S: Final = 0.4
CHOICES: Final = 500

_CARRIER: Final = """
id = "{carrier}"
names = {{ zh_Hans = "测", zh_Hant = "測", en = "Bench" }}
country = "TW"
time_zone = "Asia/Taipei"
currency = "TWD"
network = "own"
opens_lines_on_first_credit = true
[numbering]
ranges = ["{range}"]
[credit]
face_values = [10, 50, 100]
validity = {{ rule = "never" }}
[offers.groups]
seasonal = {{ order = 10 }}
coupons = {{ order = 20, cap = 30 }}
extras = {{ take = "all", order = 30 }}
"""
_WITHOUT, _WITH = "+88690", "+88691"
_QUOTE: Final = b'{"number":"%b","amount":{"amount_minor":5000,"currency":"TWD"},"payment_method":"sandbox"}'
_DISCOUNTS: Final = (
    "{ fixed = 3 }",
    "{ tiers = [{ from = 30, off = 2 }, { from = 100, off = 9 }] }",
    "{ permille = 40, cap = 4 }",
)
_LIMITS: Final = (
    "",
    "limits = { total = 1000000, per_person = 300 }",
    "limits = { per_day = 100000, budget = 10000000 }",
)
_GROUPS: Final = ('group = "seasonal"', 'group = "coupons"', 'group = "extras"', "")
_CHANNELS: Final = ("", 'channels = ["web", "api", "kiosk"]', 'channels = ["counter"]')
_CUSTOMERS: Final = ("all", "all", "all", "returning", "first")


class _Quoted(msgspec.Struct):
    total: dict[str, Any]


_quoted: Final = msgspec.json.Decoder(_Quoted).decode


def source(carrier: str, prefix: str, count: int) -> bytes:
    """A carrier's file with so many campaigns."""
    text = _CARRIER.format(carrier=carrier, range=prefix) + "".join(_campaign(number) for number in range(count))
    return text.encode()


def _campaign(number: int) -> str:
    """Each line of it by another divisor, so that they are mixed."""
    lines = (
        "[[campaigns]]",
        f'id = "offer-{number}"',
        'names = { zh_Hans = "惠", zh_Hant = "惠", en = "Offer" }',
        f"order = {number % 100}",
        'products = ["credit"]' if number % 2 else "",
        _CHANNELS[number % 3],
        f'customers = "{_CUSTOMERS[number % 5]}"',
        "minimum = 60" if number % 7 == 0 else "minimum = 5",
        f'coupon = {{ code = "WORD{number}" }}' if number % 11 == 0 else "",
        f"discount = {_DISCOUNTS[number // 3 % 3]}",
        _GROUPS[number // 5 % 4],
        _LIMITS[number // 2 % 3],
    )
    return "\n".join(line for line in lines if line) + "\n"


def choices_per_s(count: int = ACTIVE) -> float:
    """How often one core finds the best of so many, which are all known to be unused."""
    document = check_bytes(source("bench-with", _WITH, count), name="bench.toml").document
    ranks = Ranks(Book(CarrierVersion("bench-with", 1, document)))
    uses = {entry.campaign.id: Uses() for entry in ranks.book.entries}
    now = datetime(2026, 3, 15, tzinfo=UTC)
    asked = [
        Asking(Money(minor, "TWD"), None, "api", now, top_ups_before=1, uses=uses) for minor in (1000, 5000, 10_000)
    ]
    for one in asked:
        choose(ranks.book, one, among=ranks.contenders(one))
    began = time.process_time()
    for number in range(CHOICES):
        one = asked[number % len(asked)]
        choose(ranks.book, one, among=ranks.contenders(one))
    return CHOICES / (time.process_time() - began)


async def _furnish(data_dir: Path) -> None:
    """Publish both carriers in the running database of a data directory."""
    embedded = await asyncio.to_thread(EmbeddedServer.start, data_dir)
    try:
        settings = Settings.model_validate({"database_url": embedded.url})
        async with Database.open(settings=settings, migrating=False) as database, database.transaction() as transaction:
            for carrier, prefix, count in (("bench-without", _WITHOUT, 0), ("bench-with", _WITH, ACTIVE)):
                file = check_bytes(source(carrier, prefix, count), name=f"{carrier}.toml")
                await publish(transaction.connection, file, transaction.now)
    finally:
        await asyncio.to_thread(embedded.close)


async def measure(servers: Sequence[Server], data_dir: Path, seconds: float) -> dict[str, float]:
    """Quotes a second with a thousand offers and without any, in turns on the same servers, and how they compare.

    Raises RuntimeError where offers change no price, or one that has none.
    """
    await _furnish(data_dir)
    rates: dict[str, list[float]] = {_WITH: [], _WITHOUT: []}
    for _ in range(2):
        for prefix, found in rates.items():
            found.append(await _quotes_per_s(servers, prefix, seconds / 4))
    with_offers, without = (max(rates[prefix]) for prefix in (_WITH, _WITHOUT))
    return {
        "quotes_per_s": with_offers,
        "quotes_without_offers_per_s": without,
        "quotes_with_offers_vs_without": with_offers / without,
        "offer_choices_per_s": choices_per_s(),
    }


async def _quotes_per_s(servers: Sequence[Server], prefix: str, seconds: float) -> float:
    finished: list[float] = []
    running = True

    async def ask(port: int) -> None:
        connection = await Connection.to(port)
        try:
            while running:
                number = f"{prefix}{random.randrange(10**7):07d}"
                answer = await connection.post("/api/v1/quotes", _QUOTE % number.encode())
                is_less = _quoted(answer).total["amount_minor"] < 5000  # noqa: PLR2004 - what was asked for
                if is_less != (prefix == _WITH):
                    raise RuntimeError(f"{number}: {answer!r}")
                finished.append(time.perf_counter())
        finally:
            connection.close()

    tasks = [asyncio.create_task(ask(servers[place % len(servers)].port)) for place in range(CONNECTIONS)]
    await asyncio.sleep(WARM_UP_S)
    started = time.perf_counter()
    await asyncio.sleep(seconds)
    ended, running = time.perf_counter(), False
    await asyncio.gather(*tasks)
    return sum(started <= moment < ended for moment in finished) / (ended - started)


async def _alone(data_dir: Path, seconds: float) -> dict[str, float]:
    async with serving(data_dir) as server, serving(data_dir, "web") as beside:
        return await measure([server, beside], data_dir, seconds)


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="topup-bench-") as above:
        Path(above).chmod(0o711)  # the database's system user passes through
        data_dir = Path(above) / "data"
        data_dir.mkdir(mode=0o700)
        found = uvloop.run(_alone(data_dir, asked.seconds))
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
