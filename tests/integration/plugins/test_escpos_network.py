"""A receipt printer over TCP: printed and known to be, or not sent, or nobody knows; never longer than it may take."""

import time

import pytest

from topup.kernel.outcome import Done, NotSent, Reason, Refused, Unknown
from topup.platform.plugs import Health
from topup.plugins.devices.escpos_network import PLUG
from topup.plugins.devices.escpos_network.printers import EscposNetwork
from topup.shops.printing.paper import Code, Line, Pair, Paper
from topup.shops.printing.ports import Standing, Trouble

pytest_plugins = ["tests.support.printers"]

TILL = "counter-1"
RECEIPT = Paper(
    title="充值凭证",
    locale="zh_Hans",
    blocks=(
        Line(text="充值凭证", align="centre", size=2),
        Pair(label="号码", value="138 0013 8000"),
        Pair(label="实付", value="¥48.50", strong=True),
        Code(data="https://topup.example/verify/x"),
    ),
    drawer=True,
)


@pytest.fixture
def printers(printer) -> EscposNetwork:
    return EscposNetwork(printer.settings())


async def test_a_receipt_comes_out_in_chinese_with_its_code_cut_and_the_drawer_open(printers, printer):
    assert await printers.print(TILL, RECEIPT) == Done("")
    [paper] = printer.papers()
    assert paper["faults"] == []
    assert paper["drawer"]
    assert {row["encoding"] for row in paper["rows"] if "text" in row} == {"gb18030"}
    [text] = printer.texts()
    assert text == (
        "充值凭证\n"
        "号码                               138 0013 8000\n"
        "实付                                     ￥48.50\n"
        "https://topup.example/verify/x"
    )


@pytest.mark.parametrize("mood", ["paper_out", "cover_open", "cutter", "broken", "busy", "silent", "garbled"])
async def test_what_a_printer_lacks_is_said_before_anything_is_sent(printers, printer, mood):
    printer.behaves(mood)
    assert await printers.print(TILL, RECEIPT) == NotSent(mood)
    assert (await printers.standing(TILL)).trouble is Trouble(mood)
    printer.behaves("ready")
    assert printer.papers() == []


@pytest.mark.parametrize(
    ("mood", "trouble"), [("paper_ends", "paper_out"), ("hang_up", "silent"), ("mute_when_done", "silent")]
)
async def test_what_may_have_come_out_is_unknown_and_says_why(printers, printer, mood, trouble):
    printer.behaves(mood)
    assert await printers.print(TILL, RECEIPT) == Unknown(trouble)
    assert len(printer.papers()) == 1


async def test_paper_that_is_low_does_not_keep_it_from_printing(printers, printer):
    printer.behaves("paper_low")
    assert await printers.print(TILL, RECEIPT) == Done("")
    assert (await printers.standing(TILL)).paper_low


async def test_the_drawer_opens_without_paper_too(printers, printer):
    printer.behaves("paper_out")
    assert await printers.print(TILL, Paper(title="", locale="en", blocks=(), drawer=True)) == Done("")


async def test_where_nobody_answers_nothing_was_sent(printer):
    settings = printer.gone()
    assert await EscposNetwork(settings).print(TILL, RECEIPT) == NotSent("unreachable")
    assert await EscposNetwork(settings).standing(TILL) == Standing(Trouble.UNREACHABLE)


async def test_nobody_waits_longer_for_a_printer_than_the_settings_say(printers, printer):
    printer.behaves("silent")
    started = time.monotonic()
    await printers.print(TILL, RECEIPT)
    assert time.monotonic() - started < 4


async def test_what_no_printer_can_show_is_refused(printers, printer):
    paper = Paper(title="", locale="en", blocks=(Code(data="x" * 2000),))
    assert await printers.print(TILL, paper) == Refused(Reason.CONFIGURATION, "unprintable")
    assert printer.papers() == []


async def test_of_a_printer_that_says_nothing_what_was_sent_counts(printer):
    printer.behaves("silent")
    assert await EscposNetwork(printer.settings(answers=False)).print(TILL, RECEIPT) == Done("")


@pytest.mark.parametrize(
    ("mood", "health", "reason"),
    [
        ("ready", Health.FINE, ""),
        ("paper_low", Health.SOON, "printer.paper_low"),
        ("paper_out", Health.SOON, "printer.paper_out"),
        ("broken", Health.WRONG, "printer.broken"),
    ],
)
async def test_the_doctor_says_how_each_printer_stands(printer, mood, health, reason):
    printer.behaves(mood)
    [finding] = await PLUG.check(printer.settings(), None, None)
    assert (finding.subject, finding.health, finding.reason) == ("printer", health, reason)
