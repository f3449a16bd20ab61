"""Items of the ledger as tests want them: everything has a default but what the test is about."""

import itertools
from datetime import UTC, datetime

from topup.kernel.ids import new_id
from topup.ledger import BucketSpec, Credit, Debit, Expire, Hold, Release, Settle, Transfer, post
from topup.ledger.queries import buckets

LANE = 3
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SPEC = BucketSpec(rule={"id": "never"})

_numbers = itertools.count()


def fresh_key() -> str:
    return f"test:{next(_numbers)}"


def fresh_line(lane=LANE) -> str:
    return new_id("line", lane)


def _base(changes):
    return {
        "lane": LANE,
        "key": fresh_key(),
        "purpose": "test",
        "reference": "ref_test",
        "asset": "CNY",
        "amount": 100,
    } | changes


def transfer(**changes) -> Transfer:
    return Transfer(**_base({"debit_code": "clearing:sandbox", "credit_code": "suspense"} | changes))


def credit(line, amount=100, **changes) -> Credit:
    return Credit(**_base({"line_id": line, "from_code": "suspense", "bucket": SPEC, "amount": amount} | changes))


def debit(line, amount=100, **changes) -> Debit:
    return Debit(**_base({"line_id": line, "to_code": "sales", "amount": amount} | changes))


def hold(line, amount=100, **changes) -> Hold:
    return Hold(**_base({"line_id": line, "amount": amount, "expires_at": datetime(2026, 4, 1, tzinfo=UTC)} | changes))


def settle(hold_id, amount=100, **changes) -> Settle:
    base = _base({"hold_id": hold_id, "to_code": "sales", "amount": amount} | changes)
    del base["asset"]
    return Settle(**base)


def release(hold_id, **changes) -> Release:
    base = _base({"hold_id": hold_id} | changes)
    del base["asset"], base["amount"]
    return Release(**base)


def expire(bucket_id, **changes) -> Expire:
    base = _base({"bucket_id": bucket_id} | changes)
    del base["asset"], base["amount"]
    return Expire(**base)


async def do(database, *items, now=NOW):
    """Post in one transaction of its own; one answer per item."""
    async with database.transaction() as transaction:
        return await post(transaction.connection, items, now)


async def do_one(database, item, now=NOW):
    [answer] = await do(database, item, now=now)
    return answer


async def balances(database, line) -> list[tuple[int, int]]:
    """(balance, held) of the line's open buckets in order of use."""
    async with database.read() as transaction:
        found = await buckets(transaction.connection, [line])
    return [(bucket.balance, bucket.held) for bucket in found.get(line, [])]
