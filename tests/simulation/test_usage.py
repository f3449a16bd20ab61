"""G4, G5, G6 for usage: whatever the order, however often, however many at once, each record is charged once, what was
charged is what the history says, nothing goes below zero, and together comes to what one by one comes to.
"""

import asyncio
import os
import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.usage import CARRIER, NUMBERS, Traffic, a_record
from topup.charging.usage.records import Known, Rated, Refused

SEEDS = range(200 if os.environ.get("TOPUP_SOAK") else 6)
NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
QUANTITIES = {"voice": (0, 1, 59, 60, 61, 700), "data": (1, 10**6, 3 * 10**7), "sms": (1, 2, 61), "mms": (1,)}
SERVICES = 4 * ("voice", "data", "sms") + ("mms",)
CALLED = 4 * (None, "10086", "+639170000001") + ("+14155550100",)
KINDS = (("PHP", "any"), ("PHP", "data"), ("PHP", "voice,sms"), ("VOICE", "any"), ("DATA", "any"), ("SMS", "@home"))


def drawn(chance, identifier, numbers):
    """A record as networks send them: most are good."""
    service = chance.choice(SERVICES)
    return a_record(
        chance.choice(numbers),
        service,
        chance.choice(QUANTITIES[service]),
        identifier=identifier,
        at=NOW - timedelta(minutes=chance.choice((-10, *20 * (chance.randint(0, 3 * 1440),)))),
        called=chance.choice(CALLED),
        country=chance.choice((*9 * (None,), "HK")),
    )


async def furnish(database, chance, numbers, *, twins=()):
    """Lines with a few buckets each; a twin has what its brother has."""
    traffic = await Traffic.of(database, CARRIER)
    database.clock_offset = NOW - datetime.now(UTC)
    await traffic.open(*numbers, *twins)
    for number, twin in zip(numbers, twins or numbers, strict=True):
        for place in range(chance.randint(1, 5)):
            asset, scope = chance.choice(KINDS)
            until = chance.choice((None, NOW + timedelta(days=1)))
            amount = chance.choice((1, 130, 1000, 5000, 20_000))
            for one in {number, twin}:
                kind = f"k{place}"
                await traffic.grant(one, asset, amount, scope=scope, usable_until=until, priority=place, kind=kind)
    return traffic


@pytest.mark.parametrize("seed", SEEDS)
async def test_in_any_order_and_however_often_each_is_charged_once(database, seed, figures):
    chance = random.Random(seed)
    numbers = NUMBERS[:6]
    traffic = await furnish(database, chance, numbers)
    given = {number: await traffic.has(number) for number in numbers}
    records = [drawn(chance, f"r{n}", (*numbers, "+639089999999")) for n in range(60)]
    # Some ids come again with other words.
    records += [replace(drawn(chance, "x", numbers), id=f"r{chance.randrange(60)}") for _ in range(10)]
    sent = [*records, *chance.choices(records, k=60)]
    chance.shuffle(sent)
    batches = []
    while sent:
        size = chance.randint(1, 12)
        batches.append(sent[:size])
        sent = sent[size:]
    ends = Counter()
    for turn in range(0, len(batches), 4):
        for outcomes in await asyncio.gather(*(traffic.rate(*batch) for batch in batches[turn : turn + 4])):
            ends.update(found.code if isinstance(found, Refused) else type(found).__name__ for found in outcomes)
    assert ends["Rated"] > 10
    await traffic.is_sound()
    kept = Counter(identifier for (identifier,) in await traffic.rows("SELECT id FROM charging.usage_records"))
    assert set(kept.values()) <= {1}
    assert ends["Rated"] == len(kept)
    charged = await traffic.charged()
    for number in numbers:
        left, line = await traffic.has(number), traffic.circle.lines[number].id
        assert min(left.values(), default=0) >= 0
        used = {asset: amount for (owner, asset), amount in charged.items() if owner == line}
        assert Counter(left) + Counter(used) == Counter(given[number])
    figures("G4 G6", of="usage records in any order", seed=seed, **ends)


@pytest.mark.parametrize("seed", SEEDS)
async def test_together_comes_to_what_one_by_one_comes_to(database, seed):
    chance = random.Random(seed)
    numbers, twins = NUMBERS[:5], NUMBERS[10:15]
    traffic = await furnish(database, chance, numbers, twins=twins)
    records = [drawn(chance, f"r{n}", numbers) for n in range(80)]
    together = []
    for begin in range(0, len(records), 20):
        together += await traffic.rate(*records[begin : begin + 20])
    single = []
    for record in records:
        twin = twins[numbers.index(record.msisdn)]
        single += await traffic.rate(replace(record, id=f"t{record.id}", msisdn=twin))
    assert [_said(found) for found in together] == [_said(found) for found in single]
    for number, twin in zip(numbers, twins, strict=True):
        assert await traffic.has(number) == await traffic.has(twin)
    await traffic.is_sound()


def _said(found):
    """What became of a record, without the names that twins differ in."""
    assert not isinstance(found, Known)
    if isinstance(found, Refused):
        return found.code, found.parameters
    row = found.row
    parts = [(part.reason, part.asset, part.amount, part.quantity, part.day) for part in row.parts]
    paid = [(one.kind, one.asset, one.amount) for one in row.paid]
    return row.cost_minor, row.counted, parts, [(free.reason, free.quantity) for free in row.free], paid


async def test_refused_records_change_nothing(database):
    chance = random.Random(1)
    traffic = await furnish(database, chance, NUMBERS[:6])
    tables = ("charging.usage_records", "charging.usage_claims", "charging.usage_spent", "charging.usage_events",
              "ledger.transfers", "ledger.buckets", "ledger.bound_keys", "ledger.lanes", "lines.lines")  # fmt: skip

    async def state():
        found = {}
        for table in tables:
            [[said]] = await traffic.rows(f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {table} AS t")
            found[table] = said
        return found

    refused = []
    for n in range(200):
        record = drawn(chance, f"r{n}", (*NUMBERS[:6], "+639089999999"))
        before = await state()
        [found] = await traffic.rate(record)
        if isinstance(found, Refused):
            refused.append(found.code)
            assert await state() == before
        else:
            assert isinstance(found, Rated)
    assert {"line_unknown", "rate_missing", "insufficient_funds", "usage_in_future"} <= set(refused)
