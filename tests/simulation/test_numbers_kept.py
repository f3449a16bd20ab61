"""Two years of lines whose numbers are kept as proposed, in a real ledger, by an injected clock.

Each line gets the cheapest row of top-ups that keeps it a year ahead, and before each of them is due that is worked out
anew from what the ledger then has. Beside each a twin is left alone after its first top-up, and loses its number on the
day that was foretold.
"""

from datetime import datetime, timedelta

import pytest

from tests.support.lines import EXAMPLES, LANES, Village
from topup.catalogue.demonstration import demonstration_files
from topup.catalogue.line_facts import Portion
from topup.catalogue.pricing import price
from topup.catalogue.terms import local_of
from topup.charging.granting import bucket_of
from topup.kernel.money import Money, is_currency
from topup.kernel.msisdn import parse_msisdn
from topup.ledger import Credit, Posted, post
from topup.ledger.audit import audit
from topup.ledger.invariants import violations
from topup.lines.keeping.advice import line_to_keep
from topup.lines.keeping.kept import Kept, Runway
from topup.lines.keeping.rows import cheapest
from topup.lines.living import ToppingUp
from topup.lines.queries import LineRef, number_of

START = datetime.fromisoformat("2027-08-31T12:00+00:00")
YEARS = timedelta(days=731)
"""A leap day is among them."""
AHEAD = timedelta(days=365)
PAIRS = {
    "china": ("+8613900139000", "+8613900139001", 2000),
    "flow-cayman": ("+13459160001", "+13459160002", 500),
    "smart-philippines": ("+639181234567", "+639181234568", 10_000),
    "vodafone-uk": ("+447717123456", "+447717123457", 1000),
    "yunfan": ("+85251230001", "+85251230002", 2000),
}


class Keepers(Village):
    """A village in which top-ups are bought as they are sold."""

    async def buys(self, line: LineRef, amount_minor: int, *, at: datetime) -> None:
        """Plain credit, its grants with their own ends and policies, as an order brings them."""
        carrier = self.snapshot.carrier((await self.life(line)).carrier_id)
        assert carrier is not None
        grants = price(carrier, product=None, amount=Money(amount_minor, carrier.currency), now=at).grants
        brings = [Portion(g.amount, g.validity.usable_until, g.kind) for g in grants if is_currency(g.asset)]
        async with self.database.transaction() as transaction:
            connection = transaction.connection
            living = await ToppingUp.open(connection, [line], at, snapshot=self.snapshot)
            assert living.take(line.id, amount_minor=amount_minor, plain=True, brings=brings)
            await living.write(connection)
            items = [
                Credit(
                    lane=line.lane, key=f"{line.id}:{at.isoformat()}:{grant.index}", purpose="grant", reference="test",
                    from_code="suspense", line_id=line.id, bucket=bucket_of(grant, source="test"), asset=grant.asset,
                    amount=grant.amount,
                )
                for grant in grants
            ]  # fmt: skip
            answers = await post(connection, [*living.items(), *items], at)
            assert all(isinstance(answer, Posted) for answer in answers), answers
            await living.pay_arrears(connection)
        await self.passes(at)

    async def kept(self, line: LineRef, at: datetime) -> Kept:
        async with self.database.read() as transaction:
            number = await number_of(transaction.connection, line)
            assert number is not None
            return (await line_to_keep(transaction.connection, parse_msisdn(number), self.snapshot, at)).kept

    async def lives_on(self, since: datetime, until: datetime) -> None:
        """Nights pass: whatever is due is looked after on its own day, as the job does, and once more at the end."""
        for _ in range(60):
            [[due]] = await self.rows("SELECT min(next_at) FROM lines.lines")
            if due is None or due > until:
                break
            await self.passes(max(due, since))
        await self.passes(until)


@pytest.fixture
async def keepers(database) -> Keepers:
    yunfan = next(file for file in demonstration_files() if file.stem == "yunfan")
    return await Keepers.of(database, *sorted(EXAMPLES.glob("*.toml")), yunfan)


@pytest.mark.parametrize("carrier", PAIRS)
async def test_what_is_proposed_keeps_a_number_for_two_years_and_nothing_else_does(keepers, carrier, figures):
    mine, twins, first = PAIRS[carrier]
    line, twin = await keepers.opened(carrier, mine, twins, at=START)
    for one in (line, twin):
        await keepers.buys(one, first, at=START)
    foretold: Runway = (await keepers.kept(twin, START)).runway()
    assert foretold.kept_until is not None
    now, paid = START, 0
    while now < START + YEARS:
        kept = await keepers.kept(line, now)
        row = cheapest(kept, kept.until(local_of(now + AHEAD, kept.zone).date()))
        assert row is not None
        assert row.top_ups, "no number is kept for a year by a single small top-up"
        top_up = row.top_ups[0]
        await keepers.lives_on(now, top_up.at)
        assert (await keepers.life(line)).status == "active"
        await keepers.buys(line, top_up.amount.amount_minor, at=top_up.at)
        now, paid = top_up.at, paid + 1
    assert (await keepers.life(line)).status == "active"
    assert 3 <= paid <= 12
    lost = [at for left, entered, at in await keepers.history(twin)]
    assert foretold.kept_until in lost, "the twin's number is lost when it was foretold"
    async with keepers.database.read() as transaction:
        assert (await audit(transaction.connection)).sound
        assert await violations(transaction.connection) == []
    figures("kept", carrier=carrier, days=YEARS.days, top_ups=paid, lost=0, lanes=LANES)
