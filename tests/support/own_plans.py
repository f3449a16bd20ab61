"""Lines of Cloudsail Travel, a carrier that has plans, on a running site: with money, and used for months."""

import itertools
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from tests.support.desk import LANES
from topup.catalogue.queries import Snapshot
from topup.catalogue.terms import months_on
from topup.kernel.msisdn import parse_msisdn
from topup.ledger import BucketSpec, Credit, Posted, post
from topup.lines.operations import open_lines
from topup.lines.queries import LineRef
from topup.platform.database import Connection, Transaction

ZONE: Final = ZoneInfo("Asia/Hong_Kong")
MIB: Final = 2**20
_numbers: Iterator[int] = itertools.count(1)
_USED = """
INSERT INTO charging.usage_records (lane, line_id, at, id, source, msisdn, carrier_id, catalogue_version, service,
    country, called, quantity, counted, rate_id, currency, cost_minor, parts, free, paid, rated_at)
VALUES (%(lane)s, %(line)s, %(at)s, %(id)s, 'api', %(msisdn)s, 'yunfan', 1, 'data',
    'HK', NULL, %(quantity)s, %(quantity)s, 'data-home', 'HKD', 0, '[]', '[]', '[]', %(at)s)
"""


def a_traveller() -> str:
    """A number of Cloudsail Travel that no other test has."""
    return f"+852913{next(_numbers):05}"


async def line_with_credit(
    transaction: Transaction, number: str, amount_minor: int, *, opened: timedelta = timedelta(0)
) -> LineRef:
    """A line of that number, `opened` so long ago, with so much credit that does not end."""
    connection, now = transaction.connection, transaction.now
    wanted = [(parse_msisdn(number), "yunfan", ZONE.key)]
    snapshot = await Snapshot.load(connection)
    [line] = (await open_lines(connection, wanted, now - opened, lanes=LANES, snapshot=snapshot)).values()
    if amount_minor:
        await credited(connection, line, amount_minor, now)
    return line


async def credited(connection: Connection, line: LineRef, amount_minor: int, now: datetime) -> None:
    """So much more credit."""
    credit = Credit(
        lane=line.lane,
        key=f"test:{line.id}:{now.isoformat()}",
        from_code="promotions",
        line_id=line.id,
        bucket=BucketSpec(kind="main", rule={"id": "why_never_ends"}),
        asset="HKD",
        amount=amount_minor,
        purpose="grant",
        reference="test",
    )
    (answer,) = await post(connection, [credit], now)
    assert isinstance(answer, Posted), answer


async def surfed_for_three_months(transaction: Transaction, line: LineRef, number: str, *, mebibytes: int) -> None:
    """On three days of each of the last three whole months so much data was used at home."""
    this = transaction.now.astimezone(ZONE).date().replace(day=1)
    for back, day in itertools.product((1, 2, 3), (5, 6, 7)):
        first = months_on(this, -back)
        at = datetime(first.year, first.month, 1, 12, tzinfo=ZONE) + timedelta(days=day)
        values = {"lane": line.lane, "line": line.id, "at": at, "id": f"{line.id}:{at.date()}", "msisdn": number}
        await transaction.connection.execute(_USED, values | {"quantity": mebibytes * MIB})
