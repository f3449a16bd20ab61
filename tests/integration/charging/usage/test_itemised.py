"""What a line used, one by one: the pages together are what was asked for, and no more is read than a month of it."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from topup.charging.usage import itemised, months
from topup.charging.usage.itemised import Wanted, all_items, items
from topup.charging.usage.rows import UsageRow, write
from topup.kernel.errors import Conflict
from topup.kernel.ids import new_id
from topup.lines.queries import LineRef

MAY, JUNE = datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)
CALLED = (None, "+8613900139000", "+8613900130000", "10086")
MINE, OTHERS = (LineRef(3, new_id("line", 3)) for _ in range(2))


def used(line: LineRef, number: int, at: datetime, **changes) -> UsageRow:
    said = {
        "lane": line.lane,
        "line_id": line.id,
        "at": at,
        "id": f"{line.id}:{number}",
        "source": "api",
        "msisdn": "+8613800138000",
        "carrier_id": "acme",
        "catalogue_version": 1,
        "service": "voice",
        "country": "CN",
        "called": None,
        "quantity": 60,
        "counted": 60,
        "rate_id": "voice",
        "currency": "CNY",
        "cost_minor": 15,
        "parts": (),
        "free": (),
        "paid": (),
        "rated_at": at,
    }
    return UsageRow(**said | changes)


@pytest.fixture
async def rows(database):
    chance = random.Random(5)
    made = [
        used(
            line,
            number,
            # Several at the same time: a page may end between them.
            MAY + timedelta(days=chance.randrange(-3, 34), hours=chance.randrange(3)),
            service=chance.choice(["voice", "sms", "data"]),
            country=chance.choice(["CN", "JP", "HK"]),
            called=chance.choice(CALLED),
        )
        for line in (MINE, OTHERS)
        for number in range(300)
    ]
    async with database.transaction() as transaction:
        await write(transaction.connection, made)
    return made


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        ({}, lambda _: True),
        ({"service": "sms"}, lambda row: row.service == "sms"),
        ({"digits": "39000"}, lambda row: "39000" in (row.called or "")),
        ({"digits": "0086"}, lambda row: "0086" in (row.called or "")),
        ({"countries": ["JP"]}, lambda row: row.country == "JP"),
        ({"countries": []}, lambda _: False),
        ({"digits": "100", "countries": ["HK"]}, lambda row: "100" in (row.called or "") or row.country == "HK"),
        ({"digits": "%", "countries": []}, lambda _: False),
    ],
)
async def test_the_pages_together_are_what_was_asked_for_newest_first(database, rows, wanted, fits):
    span = Wanted(since=MAY, until=JUNE, **wanted)
    expected = [row for row in rows if row.line_id == MINE.id and MAY <= row.at < JUNE and fits(row)]
    expected.sort(key=lambda row: (row.at, row.id), reverse=True)
    async with database.read() as transaction:
        found, before = [], None
        while True:
            page = await items(transaction.connection, line=MINE, wanted=span, before=before, limit=7)
            found += page.rows
            before = page.more
            if before is None:
                break
        whole = await all_items(transaction.connection, line=MINE, wanted=span)
    assert found == expected
    assert list(whole) == expected[::-1]


async def test_a_file_has_an_end(database, rows, monkeypatch):
    monkeypatch.setattr(itemised, "MOST", 20)
    async with database.read() as transaction:
        with pytest.raises(Conflict, match="history_too_long"):
            await all_items(transaction.connection, line=MINE, wanted=Wanted(since=MAY, until=JUNE))


@pytest.mark.parametrize("statement", [itemised._ITEMS, months._DAYS])
async def test_a_month_is_found_by_its_lane_line_and_time_however_much_there_is(database, rows, statement):
    parameters = {"lane": 3, "line": MINE.id, "since": MAY, "until": JUNE, "zone": "UTC", "at": JUNE, "id": "~"}
    parameters |= {"service": None, "digits": None, "countries": None, "limit": 51}
    async with database.transaction() as transaction:
        explain = await transaction.connection.execute(f"EXPLAIN {statement}", parameters)
        plan = "\n".join(line for (line,) in await explain.fetchall())
    assert "Index Scan" in plan.replace("Index Scan Backward", "Index Scan")
    (conditions,) = [line for line in plan.splitlines() if "Index Cond" in line]
    for column in ("lane", "line_id", "at"):
        assert column in conditions, plan
