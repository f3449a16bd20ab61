"""G11 for decisions of people and their looks at evidence: killed with -9 before and after each commit, a decision has
happened whole or not at all, and whoever repeats themselves has it done once.
"""

import os
import signal
import subprocess
import sys

import psycopg
import pytest

from tests.support import cards
from tests.support.approving import ORDER, standing
from topup.kernel.ids import lane_of
from topup.kernel.msisdn import parse_msisdn
from topup.lines.cards.operations import Giving, give
from topup.lines.cards.queries import uses_of_line
from topup.lines.cards.states import Given
from topup.lines.operations import open_lines
from topup.shops.stock.movements import received
from topup.shops.stock.operations import add_item, move
from topup.shops.stock.queries import Item, level
from topup.work import trail
from topup.work.operations import Decision, list_for_person
from topup.work.queries import open_items

pytestmark = [pytest.mark.chaos, pytest.mark.xdist_group("chaos-0")]

STEPS = {
    "approvals.request.before_commit": ("request", 0, 0),
    "approvals.request.after_commit": ("request", 1, 0),
    "approvals.decide.before_commit": ("approve", 1, 0),
    "approvals.decide.after_commit": ("approve", 1, 1),
}
"""Who is killed there, how many requests there are then, and how many deeds."""
FOLLOWED_UP = [("ask", "order.asked"), ("hand_over", "order.handed_over"), ("replay", "order.event_replayed")]


def live(url: str, deed: str, *, crash_at: str = "") -> int:
    environment = os.environ | {"TOPUP_CRASH_AT": crash_at}
    return subprocess.run(
        [sys.executable, "-m", "tests.support.approving", url, deed], env=environment, check=False, timeout=60
    ).returncode


@pytest.mark.parametrize("label", STEPS)
async def test_a_decision_is_whole_or_not_at_all_and_done_once(database, database_url, label):
    deed, asked, done = STEPS[label]
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute("CREATE TABLE work.deeds (subject text); GRANT SELECT, INSERT ON work.deeds TO topup_app")

        def deeds() -> int:
            return owner.execute("SELECT count(*) FROM work.deeds").fetchone()[0]

        if deed == "approve":
            assert live(database_url, "request") == 0
        assert live(database_url, deed, crash_at=label) == -signal.SIGKILL
        found = await standing(database)
        assert (len(found), deeds()) == (asked, done)
        assert all((one.state == "approved") == (done == 1) for one in found)
        for again in ("request", "approve") if not done else ("approve",):
            assert live(database_url, again) == 0
        assert deeds() == 1
        assert [one.state for one in await standing(database)] == ["approved"]
    async with database.read() as transaction:
        assert (await trail.verify(transaction.connection)).sound
        told = [entry.action for entry in await trail.entries(transaction.connection)]
    assert told == ["approval.approved", "approval.requested"]


@pytest.mark.parametrize(("moment", "noted"), [("before", 0), ("after", 1)])
async def test_evidence_is_shown_to_nobody_without_a_note_of_the_look(database, database_url, moment, noted):
    async with database.transaction() as transaction:
        parked = Decision(1, "event_parked", "sandbox:x", {"from": "sandbox", "event": "x"})
        await list_for_person(transaction.connection, [parked], transaction.now)
    assert live(database_url, "look", crash_at=f"evidence.look.{moment}_commit") == -signal.SIGKILL
    assert live(database_url, "look") == 0
    async with database.read() as transaction:
        told = [entry.action for entry in await trail.entries(transaction.connection)]
    assert told == ["evidence.seen"] * (noted + 1)


@pytest.mark.parametrize("when", [("before", 0), ("after", 1)])
@pytest.mark.parametrize(("deed", "action"), FOLLOWED_UP)
async def test_an_order_is_followed_up_with_a_note_or_not_at_all(database, database_url, deed, action, when):
    moment, noted = when
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute(
            "INSERT INTO orders.orders (lane, id, quote_id, msisdn, carrier_id, currency, face_minor, state,"
            " state_since, steps, created_at, expires_at, locale, channel) VALUES (%s, %s, 'quo_x', '+8613800138000',"
            " 'qingfeng', 'CNY', 5000, 'awaiting_payment', now(), 1, now(), now() + interval '1 h', 'en', 'web')",
            (lane_of(ORDER), ORDER),
        )
    assert live(database_url, deed, crash_at=f"following_up.{deed}.{moment}_commit") == -signal.SIGKILL
    assert live(database_url, deed) == 0
    async with database.read() as transaction:
        told = [entry.action for entry in await trail.entries(transaction.connection)]
        items = await open_items(transaction.connection)
    assert told == [action] * (noted + 1)
    assert len(items) == (deed == "hand_over")


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_low_float_is_listed_once_whoever_dies_over_it(database, database_url, moment):
    assert live(database_url, "watch", crash_at=f"carriers.float.{moment}_commit") == -signal.SIGKILL
    assert live(database_url, "watch") == 0
    async with database.read() as transaction:
        assert [item.kind for item in await open_items(transaction.connection)] == ["float_low"]


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_line_is_barred_with_a_note_or_not_at_all(database, database_url, moment):
    async with database.transaction() as transaction:
        rows = [(parse_msisdn("13800138000"), "qingfeng", "UTC")]
        await open_lines(transaction.connection, rows, transaction.now, lanes=2, snapshot=None)
    assert live(database_url, "bar", crash_at=f"barring.{moment}_commit") == -signal.SIGKILL
    assert live(database_url, "bar") == 0
    async with database.read() as transaction:
        told = [entry.action for entry in await trail.entries(transaction.connection)]
        cursor = await transaction.connection.execute("SELECT status FROM lines.lines")
        assert await cursor.fetchall() == [("barred",)]
    assert told == ["line.barred"], "once, whoever died over it"


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_card_is_blocked_with_a_note_or_not_at_all(database, database_url, moment):
    async with database.transaction() as transaction:
        await cards.blank(transaction)
    assert live(database_url, "block_card", crash_at=f"sim_cards.block.{moment}_commit") == -signal.SIGKILL
    assert live(database_url, "block_card") == 0
    async with database.read() as transaction:
        told = [entry.action for entry in await trail.entries(transaction.connection)]
        cursor = await transaction.connection.execute("SELECT state FROM lines.cards")
        assert await cursor.fetchall() == [("blocked",)]
    assert told == ["line.card_blocked"], "once, whoever died over it"


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_card_that_is_handed_over_left_the_stock_once_whoever_dies_over_it(database, database_url, moment):
    async with database.transaction() as transaction:
        connection, now = transaction.connection, transaction.now
        number = parse_msisdn("13800138000")
        [line] = (await open_lines(connection, [(number, "qingfeng", "UTC")], now, lanes=2)).values()
        old, _ = await cards.blank(transaction, card=cards.iccid(1))
        await give(connection, Giving(line, old, Given.ISSUED, "first", "cli"), now)
        await cards.blank(transaction, sku="sim", card=cards.iccid(2))
        await add_item(connection, Item("sim", "sim", {"zh_Hans": "SIM 卡"}), now)
        await move(connection, received("r1", "sim", "hall", 5, by="cli"), now, lanes=2)
    assert live(database_url, "replace_card", crash_at=f"sim_cards.replace.{moment}_commit") == -signal.SIGKILL
    assert live(database_url, "replace_card") == 0
    async with database.read() as transaction:
        connection = transaction.connection
        assert await level(connection, "hall", "sim") == 4
        uses = await uses_of_line(connection, line)
        assert [one.card.state for one in uses] == ["active", "replaced"]
        told = [entry.action for entry in await trail.entries(connection)]
        looks = await (await connection.execute("SELECT count(*) FROM people.id_checks")).fetchone()
    assert (told, looks) == (["line.card_replaced"], (1,))


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_day_is_signed_once_whoever_dies_over_it(database, database_url, moment):
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute(
            "INSERT INTO reconciliation.bills"
            " (method, day, begins, ends, lines, digest, read_at, changed_at, compared_at) VALUES ("
            "'alipay', '2026-03-10', '2026-03-10Z', '2026-03-11Z', 0, '', now(), now(), now())"
        )
    assert live(database_url, "sign", crash_at=f"signing.{moment}_commit") == -signal.SIGKILL
    assert live(database_url, "sign") == 0
    async with database.read() as transaction:
        told = [entry.action for entry in await trail.entries(transaction.connection)]
        cursor = await transaction.connection.execute("SELECT count(*) FROM reconciliation.signed")
        assert await cursor.fetchall() == [(1,)]
    assert told == ["day.signed"]
