"""Importing an operator's lines: what is good is taken, what is bad is named with its line."""

import asyncio
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import topup.catalogue
from topup.catalogue.checking import check
from topup.catalogue.operations import publish
from topup.catalogue.queries import Snapshot
from topup.lines import imports
from topup.lines.files import UnreadableFile
from topup.lines.imports import ImportReport, import_lines
from topup.platform.database import Database

DEMONSTRATION = Path(topup.catalogue.__file__).parent / "demonstration"
HEAD = "number,carrier,kind,status\n"


@pytest.fixture
async def snapshot(database: Database) -> Snapshot:
    async with database.transaction() as transaction:
        for file in sorted(DEMONSTRATION.glob("*.toml")):
            await publish(transaction.connection, check(file), transaction.now)
        return await Snapshot.load(transaction.connection)


async def imported(database: Database, snapshot: Snapshot, file: Path) -> ImportReport:
    size = file.stat().st_size if file.exists() else 0  # noqa: ASYNC240 - a test may wait for its disk

    async def progress(done: int) -> None:
        assert done <= size

    return await import_lines(database, file, snapshot=snapshot, lanes=16, progress=progress)


async def test_good_rows_are_taken_and_bad_ones_named_with_their_line(
    database: Database, snapshot: Snapshot, tmp_path: Path
) -> None:
    file = tmp_path / "lines.csv"
    file.write_text(
        HEAD
        + "13800138000,qingfeng,physical,active\n"
        + "138 0013 8001,qingfeng,esim,barred\n"
        + "\n"
        + "12,qingfeng,physical,active\n"
        + "13800138002,nobody,physical,active\n"
        + "+6581234567,lion-island,physical,active\n"
        + "13800138003,qingfeng,wooden,active\n"
        + "13800138004,qingfeng,physical,closed\n"
        + "+86 138-0013-8000,qingfeng,physical,active\n"
        + "13800138005,qingfeng\n"
        + '"13800138006",qingfeng,physical,active\n',
        "utf-8",
    )
    report = await imported(database, snapshot, file)
    assert (report.opened, report.changed, report.unchanged, report.refused) == (3, 0, 0, 7)
    assert [(row.line, row.code) for row in report.bad] == [
        (5, "number_impossible"),
        (6, "line_carrier_unknown"),
        (7, "line_carrier_unknown"),
        (8, "line_kind_unknown"),
        (9, "line_status_unknown"),
        (10, "line_number_repeated"),
        (11, "line_columns"),
    ]
    assert report.bad[5].parameters == {"first": 2}


async def test_importing_again_changes_only_what_the_file_changes(
    database: Database, snapshot: Snapshot, tmp_path: Path
) -> None:
    file = tmp_path / "lines.csv"
    rows = [f"1380013{index:04d},qingfeng,physical,active\n" for index in range(50)]
    file.write_text(HEAD + "".join(rows))
    assert (await imported(database, snapshot, file)).opened == 50
    again = await imported(database, snapshot, file)
    assert (again.opened, again.changed, again.unchanged) == (0, 0, 50)
    file.write_text(HEAD + "".join(rows[:-1]) + rows[-1].replace("active", "barred"))
    third = await imported(database, snapshot, file)
    assert (third.opened, third.changed, third.unchanged) == (0, 1, 49)


async def test_a_number_that_is_another_carriers_line_stays_so(
    database: Database, snapshot: Snapshot, tmp_path: Path
) -> None:
    file = tmp_path / "lines.csv"
    file.write_text(HEAD + "13800138000,qingfeng,physical,active\n")
    await imported(database, snapshot, file)
    file.write_text(HEAD + "13800138000,haiqiao,physical,barred\n")
    report = await imported(database, snapshot, file)
    assert [(row.line, row.code, row.parameters) for row in report.bad] == [
        (2, "line_elsewhere", {"carrier": "qingfeng"})
    ]
    assert (report.opened, report.changed, report.unchanged) == (0, 0, 0)


async def test_many_portions_are_all_taken(
    database: Database, snapshot: Snapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "PORTION", 7)
    file = tmp_path / "lines.csv"
    file.write_text(HEAD + "".join(f"1380013{index:04d},qingfeng,physical,active\n" for index in range(100)))
    assert (await imported(database, snapshot, file)).opened == 100


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "lines_file_columns"),
        (b"number;carrier;kind;status\n", "lines_file_columns"),
        (b"number,carrier\n", "lines_file_columns"),
        (HEAD.encode() + "13800138000,青峰".encode("gbk"), "lines_file_not_utf8"),
        (HEAD.encode() + b'"13800138000,qingfeng', "lines_file_unreadable"),
    ],
)
async def test_a_file_that_is_none_is_refused_as_a_whole(
    database: Database, snapshot: Snapshot, tmp_path: Path, content: bytes, code: str
) -> None:
    file = tmp_path / "lines.csv"
    file.write_bytes(content)
    with pytest.raises(UnreadableFile, match=code):
        await imported(database, snapshot, file)


async def test_a_file_that_is_not_there_is_said_to_be_so(
    database: Database, snapshot: Snapshot, tmp_path: Path
) -> None:
    with pytest.raises(UnreadableFile, match="lines_file_missing"):
        await imported(database, snapshot, tmp_path / "missing.csv")
    with pytest.raises(UnreadableFile, match="lines_file_directory"):
        await imported(database, snapshot, tmp_path)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rest=st.one_of(st.binary(max_size=300), st.text(alphabet='0138+,"\n\r\x00qf ', max_size=200).map(str.encode)))
async def test_whatever_is_in_a_file_is_taken_or_named(
    database: Database, snapshot: Snapshot, tmp_path: Path, rest: bytes
) -> None:
    file = tmp_path / "lines.csv"
    file.write_bytes(HEAD.encode() + rest)
    try:
        report = await imported(database, snapshot, file)
    except UnreadableFile:
        return
    assert len(report.bad) == report.refused


async def test_a_pipe_is_read_as_a_file_is(database: Database, snapshot: Snapshot, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    content = HEAD + "".join(f"138001{number:05},qingfeng,physical,active\n" for number in range(50))
    # Opening a pipe waits for its other end: that one is a thread's, which needs no event loop.
    writing = asyncio.create_task(asyncio.to_thread(pipe.write_text, content))
    await asyncio.sleep(0)
    report = await imported(database, snapshot, pipe)
    await writing
    assert (report.opened, report.refused) == (50, 0)
