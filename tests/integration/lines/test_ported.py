"""The portability table from a file: who serves each number from now on."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.lines import Village
from topup.kernel.msisdn import parse_msisdn
from topup.lines.files import UnreadableFile
from topup.lines.operations import LineKind, LineStatus, open_rows
from topup.lines.ported import PortedReport, import_ported
from topup.lines.queries import Route, route
from topup.platform.database import Database

from .test_lines import DEMONSTRATION

HEAD = "number,carrier\n"
OURS, THEIRS = "13800138000", "13900139000"


@pytest.fixture
async def village(database: Database) -> Village:
    return await Village.of(database, *sorted(DEMONSTRATION.glob("*.toml")))


async def read(village: Village, folder: Path, *rows: str) -> PortedReport:
    file = folder / "ported.csv"
    file.write_text(HEAD + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    size = file.stat().st_size

    async def progress(done: int) -> None:
        assert done <= size

    return await import_ported(village.database, file, snapshot=village.snapshot, progress=progress)


async def leads(village: Village, number: str) -> Route:
    async with village.database.read() as transaction:
        wanted = [parse_msisdn(number)]
        return (await route(transaction.connection, wanted, village.snapshot, lanes=16))[0]


def table(village: Village) -> str:
    """A carrier of ours whose numbers may have left."""
    found = village.snapshot.carrier_of(parse_msisdn(OURS).e164)
    assert found is not None
    assert found.document.numbering.portability == "table"
    return found.carrier_id


async def test_numbers_lead_where_the_file_says_and_home_again(village: Village, tmp_path: Path) -> None:
    home = table(village)
    away = next(
        c.carrier_id for c in village.snapshot.carriers() if c.carrier_id != home and c.document.country == "CN"
    )
    report = await read(village, tmp_path, f"{OURS},{away}", f"+86{THEIRS},-")
    assert (report.ported, report.home, report.unchanged, report.refused) == (2, 0, 0, 0)
    assert (await leads(village, OURS)).carrier_id == away
    assert (await leads(village, THEIRS)).carrier_id is None
    again = await read(village, tmp_path, f"{OURS},{away}", f"+86{THEIRS},-")
    assert (again.ported, again.home, again.unchanged) == (0, 0, 2)
    back = await read(village, tmp_path, f"{OURS},{home}")
    assert (back.ported, back.home) == (0, 1)
    assert (await leads(village, OURS)).carrier_id == home


async def test_the_line_of_a_number_that_left_is_closed_and_keeps_what_it_has(village: Village, tmp_path: Path) -> None:
    number = parse_msisdn(OURS)
    home = table(village)
    async with village.database.transaction() as transaction:
        rows = [(number.e164, home, "Asia/Shanghai", LineKind.PHYSICAL, LineStatus.ACTIVE)]
        await open_rows(transaction.connection, rows, transaction.now, lanes=16)
        now = transaction.now
    line = (await leads(village, OURS)).line
    assert line is not None
    await village.credits(line, 500, at=now)
    report = await read(village, tmp_path, f"+86{OURS},-")
    assert (report.ported, report.closed) == (1, 1)
    assert (await village.life(line)).status == "closed"
    assert sum(bucket.balance for bucket in await village.buckets(line)) == 500
    assert await leads(village, OURS) == Route(None, None, line.lane, barred=False)
    assert (await read(village, tmp_path, f"+86{OURS},-")).closed == 0


async def test_bad_rows_are_named_with_their_line(village: Village, tmp_path: Path) -> None:
    report = await read(village, tmp_path, f"{OURS},nobody", "12,-", f"{OURS},-", f"+86 {OURS},-", OURS)
    assert [(row.line, row.code) for row in report.bad] == [
        (2, "ported_carrier_unknown"),
        (3, "number_unreadable"),
        (4, "number_unreadable"),
        (6, "line_columns"),
    ]
    assert report.ported == 1


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rest=st.one_of(st.binary(max_size=200), st.text(alphabet='0138+,-"\n\r\x00qf ', max_size=150).map(str.encode)))
async def test_whatever_is_in_a_file_is_taken_or_named(village: Village, tmp_path: Path, rest: bytes) -> None:
    file = tmp_path / "ported.csv"
    file.write_bytes(HEAD.encode() + rest)

    async def progress(_done: int) -> None:
        pass

    try:
        report = await import_ported(village.database, file, snapshot=village.snapshot, progress=progress)
    except UnreadableFile:
        return
    assert len(report.bad) == report.refused
