"""Two years of lines with plans, by an injected clock: every cycle paid for and given once, and nothing unexplained.

Top-ups come and do not come, plans are taken, changed and given up, nobody looks for weeks. Afterwards the books are
worked out a second time from what became of each plan.
"""

import random
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from tests.support.plans import Street
from topup.catalogue.checking import check
from topup.catalogue.demonstration import demonstration_files
from topup.catalogue.operations import publish
from topup.catalogue.queries import Snapshot
from topup.catalogue.versions import CarrierVersion
from topup.kernel.errors import Conflict
from topup.kernel.ids import lane_for
from topup.ledger.audit import audit
from topup.ledger.invariants import violations
from topup.lines.living import look_after
from topup.lines.plans.renewing import renew
from topup.lines.queries import LineRef

START = datetime(2029, 12, 30, 21, 17, tzinfo=ZoneInfo("Asia/Shanghai"))
YEARS = timedelta(days=731)
"""A leap day is among them."""
LANES = (3, 4)
HOMES = {"planned": "+853661{:05}", "yunfan": "+852512{:05}"}


class Years(Street):
    """A street of one carrier, every line of it in a few lanes."""

    chance: random.Random
    carrier: CarrierVersion
    lines: list[LineRef]

    async def move_in(self, carrier_id: str, count: int, chance: random.Random) -> None:
        numbers = (HOMES[carrier_id].format(n) for n in range(10_000))
        near = [number for number in numbers if lane_for(number, 16) in LANES][:count]
        self.chance, self.lines = chance, await self.opened(carrier_id, *near, at=START)
        carrier = self.snapshot.carrier(carrier_id)
        assert carrier is not None
        self.carrier = carrier

    async def a_night(self, now: datetime) -> None:
        """What happens by itself: renewals, and lives."""
        async with self.database.transaction() as transaction:
            connection = transaction.connection
            for lane in LANES:
                while await renew(connection, now, lane=lane, snapshot=self.snapshot, limit=50):
                    pass
                await look_after(connection, now, lane=lane, snapshot=self.snapshot, limit=50)

    async def somebody_acts(self, now: datetime) -> None:
        """One line is topped up, takes a plan, changes it, or gives it up; what it cannot, it does not."""
        line, deed = self.chance.choice(self.lines), self.chance.random()
        if (await self.life(line)).status == "closed":
            return
        if deed < 0.6:
            await self.tops_up(line, self.chance.choice((1000, 3000, 7000, 20_000)), at=now)
            return
        plan = self.chance.choice(sorted(self.carrier.plans))
        try:
            if deed < 0.95:
                await self.takes(line, plan, at=now, when=self.chance.choice(("now", "now", "next_cycle", "when_paid")))
            else:
                await self.cancels(line, at=now)
        except Conflict as refused:
            if refused.code not in {"insufficient_funds", "line_plan_unpaid", "line_plan_held", "line_plan_none"}:
                raise

    async def unexplained(self) -> list[str]:
        """What the ledger says of plans and their history does not, or the other way about."""
        found = []
        for line in self.lines:
            told = await self.rows(
                "SELECT what, plan_id, cycle, at, until, amount_minor FROM lines.plan_changes"
                " WHERE lane = %s AND line_id = %s ORDER BY sequence", line.lane, line.id,
            )  # fmt: skip
            moved = await self.rows(
                "SELECT purpose, asset, amount, key FROM ledger.transfers WHERE lane = %s AND line_id = %s",
                line.lane, line.id,
            )  # fmt: skip
            paid = [one for one in told if one[0] in {"begun", "renewed", "switched"}]
            net = sum({"plan": 1, "plan_back": -1}.get(purpose, 0) * amount for purpose, _, amount, _ in moved)
            if net != sum(amount for *_, amount in paid):
                found.append(f"{line.id}: paid {net}")
            if [cycle for _, _, cycle, *_ in paid] != list(range(1, len(paid) + 1)):
                found.append(f"{line.id}: cycles are not counted one by one")
            if any(until <= at for _, _, _, at, until, _ in paid):
                found.append(f"{line.id}: a cycle was paid for that was over")
            # Two plans by the calendar may end together; what renews ends later than what was.
            if any(one[0] == "renewed" and one[4] <= before[4] for before, one in pairwise(paid)):
                found.append(f"{line.id}: a cycle was paid for twice")
            given = {key.rsplit(":", 1)[0] for purpose, *_, key in moved if purpose == "plan_grant"}
            wanted = {f"plan:{line.id}:{cycle}" for _, plan, cycle, *_ in paid if self.carrier.plans[plan].grants}
            if given != wanted:
                found.append(f"{line.id}: given {len(given)} of {len(wanted)} cycles")
            sums = await self.rows(
                "SELECT coalesce(sum(CASE WHEN starts_with(credit, 'acc_') THEN amount ELSE -amount END)"
                " FILTER (WHERE starts_with(credit, 'acc_') <> starts_with(debit, 'acc_')), 0)::bigint"
                " FROM ledger.transfers WHERE lane = %s AND line_id = %s AND asset = %s",
                line.lane, line.id, self.carrier.currency,
            )  # fmt: skip
            money = sum(b.balance for b in await self.buckets(line) if b.asset == self.carrier.currency)
            if sums[0][0] != money:
                found.append(f"{line.id}: has {money} of {sums[0][0]}")
        return found


@pytest.fixture
async def years(database, tmp_path) -> Years:
    await Years.with_plans(database, tmp_path)
    file = next(file for file in demonstration_files() if file.stem == "yunfan")
    async with database.transaction() as transaction:
        await publish(transaction.connection, check(file), transaction.now)
        return Years(database, await Snapshot.load(transaction.connection))


@pytest.mark.parametrize(
    ("carrier", "seed", "pace"),
    [
        ("planned", 7, (4, 12)),
        ("yunfan", 8, (4, 12)),
        *(pytest.param(carrier, seed, (1, 30), marks=pytest.mark.soak) for carrier in HOMES for seed in range(3)),
    ],
)
async def test_two_years_of_plans_leave_nothing_unexplained(years, carrier, seed, pace, figures):
    (step, lines), chance = pace, random.Random(seed)
    await years.move_in(carrier, lines, chance)
    now = START
    while now < START + YEARS:
        now += timedelta(days=chance.choice((0, 1, 1, 2)) * step, minutes=chance.randrange(600))
        if chance.random() < 0.9:
            await years.a_night(now)
        for _ in range(chance.randrange(lines // 3)):
            await years.somebody_acts(now)
    assert await years.unexplained() == []
    async with years.database.read() as transaction:
        assert (await audit(transaction.connection)).sound
        assert await violations(transaction.connection) == []
    told = await years.rows("SELECT what, count(*) FROM lines.plan_changes GROUP BY 1 ORDER BY 1")
    assert {what for what, _ in told} >= {"begun", "renewed", "switched", "unpaid", "lapsed", "ended"}, told
    figures("plans", carrier=carrier, seed=seed, days=YEARS.days, unexplained=0, **dict(told))
