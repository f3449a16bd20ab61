"""Lines whose plans renew from their credit, left alone in a real ledger: each renewal is paid, or is not, and the
number is lost, when it was foretold.
"""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from tests.simulation.test_numbers_kept import START, Keepers
from tests.support.lines import EXAMPLES
from tests.support.plans import Street
from topup.catalogue.demonstration import demonstration_files
from topup.ledger.audit import audit
from topup.ledger.invariants import violations
from topup.lines.keeping.rows import cheapest
from topup.lines.living import look_after
from topup.lines.plans.renewing import renew
from topup.lines.queries import LineRef

MONTHLY = """
[[plans]]
id = "month"
names = { zh_Hans = "月", zh_Hant = "月", en = "By the month" }
price = PRICE
cycle = "monthly"
counts_as_activity = false
without_credit = { grace_days = 3, blocks = ["data"], lapse_days = 10 }
"""
BY_DAYS = MONTHLY.replace('cycle = "monthly"', 'cycle = "monthly"\nrenews = "calendar"\nproration = "day"')
CASES = {
    # A fee of eight and a plan of eight of the same credit.
    "china": (("china", MONTHLY.replace("PRICE", "8")), "month", "+8613900139000", 5000),
    # What is missing to a whole month may be enough for the days that are left of it.
    "china by days": (("china", BY_DAYS.replace("PRICE", "12")), "month", "+8613900139000", 5000),
    "flow-cayman": (("flow-cayman", MONTHLY.replace("PRICE", "2")), "month", "+13459160001", 500),
    "smart-philippines": (("smart-philippines", MONTHLY.replace("PRICE", "30")), "month", "+639181234567", 10_000),
    # Its renewals count as use, and keep the number for as long as they are paid.
    "yunfan": (("yunfan", ""), "keep-quarterly", "+85251230001", 10_000),
}
LONGER = frozenset({"yunfan"})


class Neighbours(Keepers, Street):
    """Lines that buy top-ups and have plans."""

    async def left_alone(self, line: LineRef, since: datetime, until: datetime) -> None:
        """Whatever is due on a line is done on its own day: its life first, then its plan."""
        for _ in range(400):
            [[due]] = await self.rows(
                "SELECT least((SELECT next_at FROM lines.lines WHERE lane = %s AND id = %s),"
                " (SELECT next_at FROM lines.plans WHERE lane = %s AND line_id = %s))",
                line.lane, line.id, line.lane, line.id,
            )  # fmt: skip
            if due is None or due > until:
                return
            now = max(due, since)
            async with self.database.transaction() as transaction:
                for what in (look_after, renew, look_after):
                    await what(transaction.connection, now, lane=line.lane, snapshot=self.snapshot, limit=10)
        raise AssertionError("something is due for ever")

    async def renewals(self, line: LineRef) -> list[tuple[str, datetime, int]]:
        found = await self.rows(
            "SELECT what, at, amount_minor FROM lines.plan_changes WHERE lane = %s AND line_id = %s ORDER BY sequence",
            line.lane, line.id,
        )  # fmt: skip
        return [(what, at, amount) for what, at, amount in found]


def a_file(name: str, extra: str, folder):
    known = {file.stem: file for file in [*demonstration_files(), *EXAMPLES.glob("*.toml")]}
    file = folder / f"{name}.toml"
    file.write_text(known[name].read_text(encoding="utf-8") + extra, encoding="utf-8")
    return file


@pytest.mark.parametrize("case", CASES)
async def test_a_plans_renewals_and_the_end_of_the_number_come_as_foretold(database, tmp_path, case, figures):
    (name, extra), plan, number, first = CASES[case]
    street = await Neighbours.of(database, a_file(name, extra, tmp_path))
    [line] = await street.opened(name, number, at=START)
    await street.buys(line, first, at=START)
    await street.takes(line, plan, at=START)
    kept = await street.kept(line, START)
    foretold, without = kept.runway(), replace(kept, renewing=None).runway()
    assert foretold.renewals is not None
    assert foretold.kept_until is not None
    assert without.kept_until is not None
    assert (foretold.kept_until > without.kept_until) == (case in LONGER)
    await street.left_alone(line, START, foretold.kept_until + timedelta(days=1))
    lost = [at for _, _, at in await street.history(line)]
    assert foretold.kept_until in lost
    told = await street.renewals(line)
    paid = [amount for what, _, amount in told if what == "renewed" or (what == "begun" and amount)][1:]
    assert (len(paid), sum(paid)) == (foretold.renewals.paid, foretold.renewals.cost_minor)
    assert next(at for what, at, _ in told if what == "unpaid") == foretold.renewals.unpaid_at
    async with street.database.read() as transaction:
        assert (await audit(transaction.connection)).sound
        assert await violations(transaction.connection) == []
    shorter = (without.kept_until - foretold.kept_until).days
    figures("kept_with_a_plan", carrier=case, renewals=len(paid), days_shorter=shorter)


@pytest.mark.parametrize("case", ["china", "yunfan"])
async def test_what_is_proposed_beside_a_plan_keeps_the_number(database, tmp_path, case):
    (name, extra), plan, number, first = CASES[case]
    street = await Neighbours.of(database, a_file(name, extra, tmp_path))
    [line] = await street.opened(name, number, at=START)
    await street.buys(line, first, at=START)
    await street.takes(line, plan, at=START)
    kept = await street.kept(line, START)
    end = kept.until(kept.a_year_on)
    row = cheapest(kept, end)
    assert row is not None
    assert row.top_ups
    now = START
    for top_up in row.top_ups:
        await street.left_alone(line, now, top_up.at)
        await street.buys(line, top_up.amount.amount_minor, at=top_up.at)
        now = top_up.at
    await street.left_alone(line, now, end - timedelta(seconds=1))
    life = await street.life(line)
    rules = kept.rules.state(life.state)
    assert (life.status, "topup" in rules.blocks) == ("active", False)
