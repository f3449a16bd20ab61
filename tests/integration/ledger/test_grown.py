"""The grown ledger that is measured is one that the ledger itself would have come to."""

from bench import grown
from bench.workloads import LANES
from topup.kernel.ids import lane_of
from topup.ledger.audit import audit
from topup.ledger.queries import buckets

LINES, TRANSFERS = 320, 9_000


async def test_what_is_loaded_is_sound_and_of_the_lines_it_says(database, database_url):
    await grown.load(database_url, owned=LINES, transfers=TRANSFERS)
    lines = grown.LoadedLines(LINES)
    assert [lane_of(line) for line in lines] == [n % LANES for n in range(LINES)]
    async with database.read() as transaction:
        report = await audit(transaction.connection)
        found = await buckets(transaction.connection, lines)
    assert (report.sound, report.transfers) == (True, TRANSFERS)
    assert found.keys() == set(lines)
    balances = [bucket.balance for [bucket] in found.values()]
    assert sum(balances) == TRANSFERS * 5_000
    assert len(set(balances)) > 10, "not all lines are credited alike"
