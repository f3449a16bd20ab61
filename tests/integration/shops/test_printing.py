"""Papers of tills: each leaves once, what may have left is never sent again, and a copy says that it is one."""

import asyncio
from datetime import timedelta

import pytest

from topup.kernel.errors import NotFound
from topup.kernel.ids import new_id
from topup.kernel.outcome import Throttled
from topup.platform.keys import KeyRing
from topup.plugins.devices.escpos_network.printers import EscposNetwork
from topup.shops.printing import jobs
from topup.shops.printing.desk import Printing, Wish
from topup.shops.printing.paper import Line, Paper
from topup.shops.printing.states import PrintState
from topup.work import trail

pytest_plugins = ["tests.support.printers"]

TILL = "counter-1"
WAIT_S = 10.0


def wish(subject: str, *, key: str = "", locale: str = "zh_Hans") -> Wish:
    paper = Paper(title="", locale=locale, blocks=(Line(text=f"receipt of {subject[-4:]}"),), drawer=True)
    return Wish(TILL, "receipt", subject, paper, "stf_clerk", key or new_id("event", 0))


@pytest.fixture
def subject() -> str:
    return new_id("order", 3)


@pytest.fixture
async def printing(database, printer, tmp_path):
    devices = EscposNetwork(printer.settings(TILL))
    made = Printing(database=database, keys=KeyRing(tmp_path), printers={TILL: devices})
    yield made
    await made.aclose()


async def test_a_receipt_is_printed_behind_the_sale_and_then_not_kept(printing, printer, database, subject):
    asked = await printing.ask(wish(subject))
    assert asked.state is PrintState.WAITING
    printed = await printing.settled(asked.id, timeout_s=WAIT_S)
    assert (printed.state, printed.copy, printed.reason) == (PrintState.PRINTED, 0, "")
    assert printer.texts() == [f"receipt of {subject[-4:]}"]
    async with database.read() as transaction:
        cursor = await transaction.connection.execute("SELECT paper FROM shops.print_jobs WHERE id = %s", (asked.id,))
        assert await cursor.fetchone() == (None,)


async def test_asked_for_again_it_is_the_same_paper(printing, printer, subject):
    found = await asyncio.gather(*(printing.ask(wish(subject)) for _ in range(5)))
    assert len({job.id for job in found}) == 1
    await printing.settled(found[0].id, timeout_s=WAIT_S)
    assert await printing.run() == 0
    assert len(printer.papers()) == 1


async def test_a_copy_says_that_it_is_one_opens_no_drawer_and_is_in_the_trail(printing, printer, database, subject):
    first = await printing.ask(wish(subject))
    await printing.settled(first.id, timeout_s=WAIT_S)
    again = wish(subject, key="again")
    copy = await printing.reprint(again, why="lost")
    assert (await printing.reprint(again, why="lost")).id == copy.id
    await printing.settled(copy.id, timeout_s=WAIT_S)
    original, reprinted = printer.papers()
    assert (original["drawer"], reprinted["drawer"]) == (True, False)
    lines = printer.texts()[1].splitlines()
    assert (lines[0], lines[-1]) == ("补打 REPRINT 1", "补打 REPRINT 1")
    async with database.read() as transaction:
        entries = await trail.entries(transaction.connection, subject=subject)
    assert [(entry.actor, entry.action) for entry in entries] == [
        ("stf_clerk", "printing.reprinted"),
        ("stf_clerk", "printing.asked"),
    ]
    said = {"till": TILL, "kind": "receipt", "copy": 1, "why": "lost"}
    assert entries[0].facts == said | {"before": {"copy": 0}, "after": {"copy": 1}}


async def test_what_waits_for_paper_prints_by_itself_when_there_is_some(printing, printer, database, subject):
    printer.behaves("paper_out")
    asked = await printing.ask(wish(subject))
    waiting = await printing.settled(asked.id, timeout_s=WAIT_S)
    assert (waiting.state, waiting.reason) == (PrintState.WAITING, "paper_out")
    printer.behaves("ready")
    database.clock_offset += timedelta(seconds=5)
    assert await printing.run() == 1
    assert (await printing.job(asked.id)).state is PrintState.PRINTED
    assert len(printer.papers()) == 1


@pytest.mark.parametrize("mood", ["hang_up", "paper_ends", "mute_when_done"])
async def test_what_may_have_come_out_is_never_sent_again_and_the_next_is_a_copy(
    printing, printer, database, subject, mood
):
    printer.behaves(mood)
    asked = await printing.ask(wish(subject))
    unsure = await printing.settled(asked.id, timeout_s=WAIT_S)
    assert unsure.state is PrintState.UNSURE
    printer.behaves("ready")
    printer.tear_off()
    database.clock_offset += timedelta(hours=1)
    await printing.run()
    assert printer.papers() == []
    copy = await printing.reprint(wish(subject))
    assert (await printing.settled(copy.id, timeout_s=WAIT_S)).copy == 1
    assert "REPRINT" in printer.texts()[0]


async def test_after_ten_minutes_nobody_stands_there_any_more_and_it_can_be_asked_for_anew(
    printing, printer, database, subject
):
    printer.behaves("cover_open")
    asked = await printing.ask(wish(subject))
    await printing.settled(asked.id, timeout_s=WAIT_S)
    database.clock_offset += timedelta(minutes=11)
    await printing.run()
    assert (await printing.job(asked.id)).state is PrintState.FAILED
    printer.behaves("ready")
    anew = await printing.reprint(wish(subject))
    assert anew.id == asked.id
    assert (await printing.settled(anew.id, timeout_s=WAIT_S)).state is PrintState.PRINTED
    assert "REPRINT" not in printer.texts()[0]


class OffLine:
    """Printers that put everything off."""

    name = "off_line"
    tills = (TILL,)

    async def print(self, till, paper):
        return Throttled(1)

    async def aclose(self):
        pass


async def test_nor_does_what_a_printer_puts_off_wait_longer(database, tmp_path, subject):
    printing = Printing(database=database, keys=KeyRing(tmp_path), printers={TILL: OffLine()})
    asked = await printing.ask(wish(subject))
    waiting = await printing.settled(asked.id, timeout_s=WAIT_S)
    assert (waiting.state, waiting.reason) == (PrintState.WAITING, "busy")
    database.clock_offset += timedelta(minutes=11)
    await printing.run()
    over = await printing.job(asked.id)
    assert (over.state, over.reason) == (PrintState.FAILED, "busy")
    await printing.aclose()


async def test_one_whose_process_died_in_the_middle_is_unsure(printing, printer, database, subject, tmp_path):
    keys = KeyRing(tmp_path)
    async with database.transaction() as transaction:
        asked = await jobs.add(
            transaction.connection, key="k", till=TILL, kind="receipt", subject=subject, copy=0,
            paper=wish(subject).paper, by="stf_clerk", now=transaction.now, keys=keys,
        )  # fmt: skip
        assert await jobs.claim(transaction.connection, TILL, transaction.now, keys=keys) is not None
    assert await printing.run() == 0
    database.clock_offset += timedelta(minutes=6)
    assert await printing.run() == 1
    found = await printing.job(asked.id)
    assert (found.state, found.reason) == (PrintState.UNSURE, jobs.INTERRUPTED)
    assert printer.papers() == []


async def test_a_printer_has_one_paper_in_hand_whichever_process_asks(printing, database, tmp_path):
    keys = KeyRing(tmp_path)
    async with database.transaction() as transaction:
        for number in range(2):
            await jobs.add(
                transaction.connection, key=f"k{number}", till=TILL, kind="receipt", subject=f"s{number}", copy=0,
                paper=wish("s000").paper, by="stf_clerk", now=transaction.now, keys=keys,
            )  # fmt: skip

    async def claimed():
        async with database.transaction() as transaction:
            return await jobs.claim(transaction.connection, TILL, transaction.now, keys=keys)

    assert len([one for one in await asyncio.gather(*(claimed() for _ in range(6))) if one]) == 1


async def test_no_sale_waits_for_a_printer_that_is_gone(database, printer, tmp_path, subject):
    devices = EscposNetwork(printer.gone(TILL))
    printing = Printing(database=database, keys=KeyRing(tmp_path), printers={TILL: devices})
    asked = await printing.ask(wish(subject))
    assert asked.state is PrintState.WAITING
    gone = await printing.settled(asked.id, timeout_s=WAIT_S)
    assert (gone.state, gone.reason) == (PrintState.WAITING, "unreachable")
    await printing.aclose()


async def test_a_till_without_a_printer_is_told_so(printing, subject):
    with pytest.raises(NotFound, match="printer_unknown"):
        await printing.ask(Wish("counter-9", "receipt", subject, wish(subject).paper, "stf_clerk", "k"))


async def test_old_rows_are_let_go_and_those_that_wait_stay(printing, printer, database, subject):
    asked = await printing.ask(wish(subject))
    await printing.settled(asked.id, timeout_s=WAIT_S)
    async with database.transaction() as transaction:
        assert await jobs.forget(transaction.connection, 10, transaction.now + jobs.KEPT_FOR / 2) == 0
        assert await jobs.forget(transaction.connection, 10, transaction.now + jobs.KEPT_FOR * 2) == 1
