"""Usage from files: each record charged once however often the file comes, refused rows kept with their reasons."""

import asyncio
import tracemalloc
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.sharing import LANES
from tests.support.usage import ANN, BOB
from topup.charging.usage import imports as usage_import
from topup.charging.usage.imports import import_usage, rejects_of
from topup.lines.files import UnreadableFile

HEAD = "id,number,service,quantity,at,country,called\n"
THEN = (datetime.now(UTC) - timedelta(hours=1)).isoformat()


@pytest.fixture
def take_in(traffic, tmp_path):
    """Import a file of these rows."""

    async def import_rows(rows, *, head=HEAD, name="usage.csv", listener=None):
        file = tmp_path / name
        file.write_bytes(rows if isinstance(rows, bytes) else (head + rows).encode())
        done = []

        async def progress(size):
            done.append(size)

        found = await import_usage(
            traffic.database,
            file,
            catalogue=traffic.circle.catalogue,
            lanes=LANES,
            progress=progress,
            listener=listener,
        )
        assert not done or done[-1] == file.stat().st_size
        return found

    return import_rows


async def kept(traffic, found):
    async with traffic.database.read() as transaction:
        rejects = await rejects_of(transaction.connection, import_id=found.import_id, lanes=LANES)
    return [(one.row, one.record_id, one.code, one.who.value) for one in rejects]


def counts(found):
    return found.charged, found.known, found.refused


async def test_rows_are_charged_and_refused_ones_kept_with_their_line_and_reason(traffic, take_in):
    told = []
    found = await take_in(
        f"a,{ANN},voice,61,{THEN},,+639170000001\n"
        f"b,{BOB},voice,61,{THEN},,\n"
        f"c,+639089999999,voice,61,{THEN},,\n"
        f"d,{ANN},voice,1.5,{THEN},,\n"
        f"e,{ANN},voice,61\n"
        f"f,{ANN},voice,61,{THEN},FR,\n"
        f"?,{ANN},voice,61,{THEN},,\n"
        f"g,{ANN},sms,1,{THEN},,\n",
        listener=told.append,
    )
    assert counts(found) == (2, 0, 6)
    assert found.cost_minor == {"PHP": 500}
    assert await kept(traffic, found) == [
        (3, "b", "insufficient_funds", "you"),
        (4, "c", "line_unknown", "you"),
        (5, "d", "usage_quantity_unreadable", "you"),
        (6, None, "usage_columns", "you"),
        (7, "f", "rate_missing", "us"),
        (8, None, "usage_id_unreadable", "you"),
    ]
    assert told == found.bad
    assert [row.line for row in told] == [3, 4, 5, 6, 7, 8]
    assert await traffic.has() == {"PHP": 500}
    await traffic.is_sound()


async def test_the_same_file_again_changes_nothing(traffic, take_in):
    rows = "".join(f"r{n},{ANN},sms,1,{THEN},,\n" for n in range(5)) + f"x,{BOB},sms,1,{THEN},,\n"
    first = await take_in(rows)
    before = await traffic.rows("SELECT count(*), max(sequence) FROM ledger.transfers")
    again = await take_in(rows)
    assert (counts(first), counts(again)) == ((5, 0, 1), (0, 5, 1))
    assert again.import_id == first.import_id
    assert await kept(traffic, again) == await kept(traffic, first)
    assert await traffic.rows("SELECT count(*), max(sequence) FROM ledger.transfers") == before


async def test_what_was_refused_is_charged_when_the_file_comes_again_and_kept_no_more(traffic, take_in):
    rows = f"a,{BOB},sms,1,{THEN},,\nb,{ANN},sms,1,{THEN},,\n"
    assert counts(await take_in(rows)) == (1, 0, 1)
    await traffic.circle.give(BOB, 100)
    found = await take_in(rows)
    assert counts(found) == (1, 1, 0)
    assert await kept(traffic, found) == []


async def test_rows_that_two_imports_of_a_file_refuse_at_once_are_kept_once(traffic, take_in):
    rows = "".join(f"x{n},{BOB},sms,1,{THEN},,\n" for n in range(200))
    found = await asyncio.gather(*(take_in(rows) for _ in range(4)))
    assert [counts(one) for one in found] == [(0, 0, 200)] * 4
    assert len(await kept(traffic, found[0])) == 200


async def test_a_record_that_came_over_http_is_known_in_a_file(traffic, take_in):
    record = traffic.record(at=datetime.fromisoformat(THEN))
    await traffic.rate(record)
    found = await take_in(f"{record.id},{ANN},voice,60,{THEN},,\n")
    assert counts(found) == (0, 1, 0)
    assert await traffic.has() == {"PHP": 800}


async def test_a_record_twice_in_a_file_is_charged_once(traffic, take_in):
    row = f"a,{ANN},sms,1,{THEN},,\n"
    assert counts(await take_in(row + row)) == (1, 1, 0)


async def test_columns_come_in_any_order_and_the_last_two_may_be_left_out(traffic, take_in):
    found = await take_in(f"1,a,{THEN},{ANN},sms\n", head="quantity,id,at,number,service\n")
    assert counts(found) == (1, 0, 0)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "lines_file_columns"),
        (b"id,number,service,quantity\n", "lines_file_columns"),
        (b"id,number,service,quantity,at,at\n", "lines_file_columns"),
        (b"id,number,service,quantity,at,colour\n", "lines_file_columns"),
        (HEAD.encode() + b"\xff\xfe\n", "lines_file_not_utf8"),
    ],
)
async def test_a_file_of_another_form_is_refused_whole(traffic, take_in, content, code):
    with pytest.raises(UnreadableFile) as refused:
        await take_in(content)
    assert refused.value.code == code


async def test_junk_is_refused_row_by_row(traffic, take_in):
    found = await take_in(f'\0,{ANN},sms,1,{THEN},,\n"a\nb",{ANN},sms,1,{THEN},,\n😀,,,,,,\nok,{ANN},sms,1,{THEN},,\n')
    assert counts(found) == (1, 0, 3)
    assert [row for row, *_ in await kept(traffic, found)] == [2, 4, 5]


async def test_portions_follow_one_another_and_an_interrupted_import_goes_on(traffic, take_in, monkeypatch):
    monkeypatch.setattr(usage_import, "_PORTION", 7)
    await traffic.circle.give(ANN, 100_000)
    rows = "".join(f"r{n},{ANN},sms,1,{THEN},,\n" for n in range(50))
    begun = await take_in(rows.partition("r23,")[0])
    assert counts(begun) == (23, 0, 0)
    assert counts(await take_in(rows)) == (27, 23, 0)
    assert await traffic.has() == {"PHP": 101_000 - 5_000}
    await traffic.is_sound()


@pytest.mark.soak
async def test_a_large_file_needs_no_more_memory_than_a_small_one(traffic, take_in):
    await traffic.circle.give(ANN, 10_000_000)
    peaks = []
    for size in (5_000, 40_000):
        rows = "".join(f"s{size}-{n},{ANN},sms,1,{THEN},,\n" for n in range(size))
        tracemalloc.start()
        await take_in(rows, name=f"{size}.csv")
        peaks.append(tracemalloc.get_traced_memory()[1] - 3 * len(rows))
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 2
