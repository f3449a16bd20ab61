"""Usage of a line whose plan waits for credit."""

from datetime import UTC, datetime

from tests.support.lines import days
from tests.support.plans import NUMBER, Street
from topup.charging.usage.facts import lines_of_usage

START = datetime(2030, 1, 31, 4, 0, tzinfo=UTC)


async def test_what_an_unpaid_plan_blocks_is_refused_and_nothing_else(database, tmp_path):
    street = await Street.with_plans(database, tmp_path)
    [line] = await street.opened("planned", NUMBER, at=START)
    await street.credits(line, 4000, at=START)
    await street.takes(line, "monthly", at=START)
    refusals = []
    for now in (START, START + days(33)):
        await street.renews(now)
        async with database.read() as transaction:
            found = (await lines_of_usage(transaction.connection, [line], now, snapshot=street.snapshot))[line.id]
        assert sum(purse.available for purse in found.money) == 1000
        refusals.append([found.refusal(service) for service in ("data", "voice", "sms")])
    assert refusals == [[None, None, None], ["line_blocked", None, None]]
