"""Importing an operator's SIM cards: what is good is taken, what is bad is named with its line."""

import asyncio

import psycopg
import pytest

from tests.integration.lines.test_imports import snapshot  # noqa: F401 - a fixture
from tests.support import cards
from topup.kernel.ids import new_id
from topup.kernel.msisdn import parse_msisdn
from topup.lines.cards.imports import import_cards
from topup.lines.cards.operations import Giving, block, give
from topup.lines.cards.queries import card_of_line, card_with_iccid
from topup.lines.cards.states import Given
from topup.lines.operations import open_lines
from topup.lines.registered import is_owners, lines_of_document
from topup.people.id_checks import shown
from topup.platform.keys import KeyRing

FIRST, SECOND = "+8613800138000", "+8613800138001"
HEAD = "iccid,imsi,carrier,kind,item,number,document,document_number\n"
PASSPORT = "E12345678"
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE %s = ANY (pg_blocking_pids(pid))"
LOCK = "SELECT id FROM lines.lines WHERE lane = %s AND id = %s FOR UPDATE"


@pytest.fixture
def keys(tmp_path):
    return KeyRing(tmp_path / "keys")


@pytest.fixture
async def lines(database, snapshot):  # noqa: F811 - the fixture
    async with database.transaction() as transaction:
        wanted = [(parse_msisdn(number), "qingfeng", "Asia/Shanghai") for number in (FIRST, SECOND)]
        return await open_lines(transaction.connection, wanted, transaction.now, lanes=16, snapshot=snapshot)


@pytest.fixture
def imported(database, snapshot, keys, tmp_path):  # noqa: F811 - the fixture
    async def run(*rows, head=HEAD):
        file = tmp_path / "cards.csv"
        file.write_text(head + "".join(f"{row}\n" for row in rows), "utf-8")

        async def progress(done):
            assert done <= file.stat().st_size

        return await import_cards(database, file, snapshot=snapshot, lanes=16, keys=keys, progress=progress)

    return run


async def test_blank_cards_and_cards_of_lines_are_taken_with_their_owners_documents(database, imported, lines, keys):
    blank, used = cards.iccid(), cards.iccid()
    rows = (
        f"{blank.grouped()},{cards.imsi_of(blank).digits},qingfeng,physical,sim-qingfeng,,,",
        f"{used.digits},,qingfeng,esim,,13800138000,passport,{PASSPORT}",
    )
    report = await imported(*rows)
    assert (report.added, report.given, report.unchanged, report.refused) == (2, 1, 0, 0)
    line = lines[FIRST]
    async with database.read() as transaction:
        assert (await card_of_line(transaction.connection, line)).iccid == used
        found = await card_with_iccid(transaction.connection, [blank])
        assert (found.state, found.sku, found.imsi) == ("blank", "sim-qingfeng", cards.imsi_of(blank))
        owner = [shown(document="passport", number="e1234 5678")]
        assert [one.e164 for one in await lines_of_document(transaction.connection, owner, keys)] == [FIRST]
    assert await is_owners(database, line=line, seen=owner[0], by="stf_1", keys=keys)
    again = await imported(*rows)
    assert (again.added, again.given, again.unchanged, again.refused) == (0, 0, 2, 0)


async def test_bad_rows_are_named_with_their_line(imported, lines):
    assert lines
    good = cards.iccid().digits
    wrong = good[:-1] + str((int(good[-1]) + 1) % 10)
    report = await imported(
        f"{good},,qingfeng,physical,,,,",
        f"{wrong},,qingfeng,physical,,,,",
        f"{good},,qingfeng,physical,,,,",
        f"{cards.iccid().digits},12,qingfeng,physical,,,,",
        f"{cards.iccid().digits},,lion-island,physical,,,,",
        f"{cards.iccid().digits},,qingfeng,wooden,,,,",
        f"{cards.iccid().digits},,qingfeng,physical,,13800138999,,",
        f"{cards.iccid().digits},,qingfeng,physical,,,passport,{PASSPORT}",
        f"{cards.iccid().digits},,qingfeng,physical,,13800138000,passport,1",
        f"{cards.iccid().digits},,qingfeng",
    )
    assert (report.added, report.refused) == (1, 9)
    assert [(row.line, row.code) for row in report.bad] == [
        (3, "iccid_mistyped"),
        (4, "card_repeated"),
        (5, "imsi_unreadable"),
        (6, "line_carrier_unknown"),
        (7, "card_kind_unknown"),
        (8, "card_line_unknown"),
        (9, "card_owner_without_line"),
        (10, "document_unreadable"),
        (11, "line_columns"),
    ]


async def test_a_file_changes_no_card_and_replaces_none(database, imported, lines):
    first, second = cards.iccid(), cards.iccid()
    imsi = cards.imsi_of(first).digits
    await imported(f"{first.digits},{imsi},qingfeng,physical,,13800138000,,")
    report = await imported(
        f"{first.digits},{imsi},qingfeng,esim,,13800138000,,",
        f"{second.digits},,qingfeng,physical,,13800138000,,",
        f"{cards.iccid().digits},{imsi},qingfeng,physical,,,,",
    )
    codes = ["card_known_otherwise", "card_repeated", "card_repeated"]
    assert [row.code for row in report.bad] == codes
    report = await imported(f"{second.digits},,qingfeng,physical,,13800138000,,")
    assert [row.code for row in report.bad] == ["card_line_taken"]
    report = await imported(f"{first.digits},{imsi},qingfeng,physical,,13800138001,,")
    assert [row.code for row in report.bad] == ["card_line_taken"]
    report = await imported(f"{cards.iccid().digits},{imsi},qingfeng,physical,,,,")
    assert [row.code for row in report.bad] == ["card_imsi_taken"]
    async with database.read() as transaction:
        assert (await card_of_line(transaction.connection, lines[FIRST])).iccid == first
        assert await card_of_line(transaction.connection, lines[SECOND]) is None
        assert await card_with_iccid(transaction.connection, [second]) is None


async def test_a_file_of_three_columns_is_enough(imported):
    report = await imported(f"{cards.iccid().digits},qingfeng,esim", head="iccid,carrier,kind\n")
    assert (report.added, report.refused) == (1, 0)


@pytest.fixture
async def until_it_waits(database_url):
    """Returns when a task's transaction waits for what a transaction has locked."""
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:

        async def wait(task, holder):
            pid = [holder.connection.info.backend_pid]
            while not (await (await connection.execute(WAITING, pid)).fetchone())[0]:
                assert not task.done(), "it did not wait"

        yield wait


def hands(card_id, line):
    """What a clerk gives."""
    return Giving(line, card_id, Given.ISSUED, new_id("card_use", line.lane), "stf_1")


async def test_a_card_that_a_clerk_gives_while_its_file_is_read_serves_one_line(
    database, imported, lines, until_it_waits
):
    """The file's first card is looked at while it is blank; somebody holds its second; meanwhile a clerk gives away the
    first. Were it given without being locked first, it would be as it was looked at.
    """
    async with database.transaction() as transaction:
        (first, card), (second, other) = [await cards.blank(transaction) for _ in range(2)]
    rows = [f"{one.digits},{cards.imsi_of(one).digits},qingfeng,physical" for one in (card, other)]
    async with database.transaction() as clerk:
        async with database.transaction() as holder:
            await block(holder.connection, second, holder.now)
            reading = asyncio.create_task(imported(f"{rows[0]},,13800138000,,", f"{rows[1]},,,,"))
            await until_it_waits(reading, holder)
            await give(clerk.connection, hands(first, lines[SECOND]), clerk.now)
        await until_it_waits(reading, clerk)
    report = await reading
    assert (report.given, [row.code for row in report.bad]) == (0, ["card_line_taken"])
    async with database.read() as transaction:
        assert await card_of_line(transaction.connection, lines[FIRST]) is None
        found = await card_of_line(transaction.connection, lines[SECOND])
    assert (found.iccid, found.state, found.line) == (card, "active", lines[SECOND])


async def test_a_clerk_who_has_the_line_and_a_file_that_has_its_card_do_not_wait_for_each_other(
    database, imported, lines, until_it_waits
):
    async with database.transaction() as transaction:
        card_id, card = await cards.blank(transaction)
    row = f"{card.digits},{cards.imsi_of(card).digits},qingfeng,physical,,13800138000,,"
    async with database.transaction() as clerk:
        await clerk.connection.execute(LOCK, (lines[FIRST].lane, lines[FIRST].id))
        reading = asyncio.create_task(imported(row))
        await until_it_waits(reading, clerk)
        await give(clerk.connection, hands(card_id, lines[FIRST]), clerk.now)
    report = await reading
    assert (report.given, report.unchanged, report.refused) == (0, 1, 0), "the line has the card that the file says"
