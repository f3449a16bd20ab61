"""Which keys signed the receipts there are: found by looking at few of them."""

import time

from topup.orders.queries import receipt_kids

_RECEIPTS = (
    "INSERT INTO orders.receipts (lane, order_id, year, number, issued_at, body, kid, signature)"
    " SELECT %s, %s || '-' || n, %s, n, now(), '', CASE WHEN n <= %s THEN 'a' WHEN n <= %s THEN 'b' ELSE 'c' END, ''"
    " FROM generate_series(1, %s) AS n"
)


async def filled(database, stretches) -> None:
    """Receipts of (lane, year, last signed by a, last signed by b, last)."""
    async with await database.connect() as connection:
        for lane, year, a, b, last in stretches:
            await connection.execute(_RECEIPTS, (lane, f"{lane}-{year}", year, a, b, last))
            await connection.execute("INSERT INTO orders.receipt_counters VALUES (%s, %s, %s)", (lane, year, last))


async def found(database) -> set[str]:
    async with database.read() as transaction:
        return await receipt_kids(transaction.connection)


async def test_without_receipts_no_key_signed_any(database):
    assert await found(database) == set()


async def test_one_key_signed_all(database):
    await filled(database, [(0, 2026, 1, 1, 1), (1, 2026, 9, 9, 9)])
    assert await found(database) == {"a"}


async def test_keys_that_signed_little_between_others_are_found(database):
    for b_signed in (0, 1, 2, 500):
        year = 2000 + b_signed
        await filled(database, [(0, year, 700, 700 + b_signed, 2_000)])
        assert await found(database) == ({"a", "b", "c"} if b_signed else {"a", "c"})


async def test_few_receipts_are_looked_at(database):
    await filled(database, [(lane, 2026, 9_000, 9_001, 10_000) for lane in range(16)])
    async with database.read() as transaction:
        await receipt_kids(transaction.connection)
        began = time.perf_counter()
        assert await receipt_kids(transaction.connection) == {"a", "b", "c"}
        print(f"receipts=160000 keys_found_in_s={time.perf_counter() - began:.4f}")
        plan = await transaction.connection.execute(
            "EXPLAIN SELECT kid FROM orders.receipts WHERE (lane, year, number) = (3, 2026, 77)"
        )
        assert "Index Scan" in str(await plan.fetchall())
