"""The bytes of a receipt printer: each command as Epson's reference has it, text in GB18030, and answers of one byte
that are believed only where their fixed bits are right.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topup.plugins.devices.escpos_network import status, wire
from topup.shops.printing.paper import Block, Code, Line, Pair, Paper
from topup.shops.printing.ports import Standing, Trouble
from topup_simulators.printer.decoding import Cut, Decoder

FINE = (0x12, 0x12, 0x12, 0x12)


def paper(*blocks: Block, drawer: bool = False) -> Paper:
    return Paper(title="", locale="zh_Hans", blocks=blocks, drawer=drawer)


def sent(*blocks: Block, drawer: bool = False, paper_mm: int = 80, encoding="gb18030", native: bool = True) -> bytes:
    return wire.bytes_of(paper(*blocks, drawer=drawer), paper_mm=paper_mm, encoding=encoding, native=native)


def printed(data: bytes) -> dict:
    """What a printer makes of it."""
    [cut] = [event for event in Decoder().feed(data) if isinstance(event, Cut)]
    assert cut.paper.faults == []
    return cut.paper.rows


def test_a_receipt_in_chinese_byte_for_byte():
    assert sent(Line(text="充值", align="centre", size=2, strong=True), drawer=True) == (
        b"\x1b@"  # reset
        b"\x1c&"  # Chinese
        b"\x1bp\x00\x19\xfa"  # the drawer
        b"\x1ba\x01\x1bE\x01\x1d!\x11"  # centred, bold, twice as large
        b"\xb3\xe4\xd6\xb5\n"  # 充值 in GB 18030
        b"\x1dVB\x00"  # cut
    )


def test_a_yuan_sign_is_the_one_that_chinese_printers_have():
    assert b"\xa3\xa450.00" in sent(Pair(label="面值", value="¥50.00"))


def test_a_code_page_prints_latin_letters_and_a_question_mark_for_the_rest():
    data = sent(Line(text="Total ¥5 充"), encoding="cp858")
    assert b"\x1c." in data
    assert b"\x1bt\x13" in data
    assert b"Total \xbe5 ?\n" in data


def test_a_code_is_drawn_by_the_printer_with_error_correction_m():
    data = sent(Code(data="https://topup.example/v"))
    assert b"\x1d(k\x04\x001A2\x00" in data
    assert b"\x1d(k\x03\x001E1" in data
    assert b"\x1d(k\x1a\x001P0https://topup.example/v" in data
    assert printed(data) == [{"code": "https://topup.example/v", "align": "centre"}]


def test_a_printer_that_draws_no_codes_is_sent_an_image_that_fits_the_paper():
    [row] = printed(sent(Code(data="https://topup.example/" + "v" * 300), paper_mm=58, native=False))
    across, high = row["size"]
    assert across <= 384
    assert len(bytes.fromhex(row["image"])) == across // 8 * high


def test_a_code_that_is_wider_than_the_paper_is_refused():
    with pytest.raises(wire.Unprintable):
        sent(Code(data="v" * 1001), paper_mm=58)


def test_a_drawer_alone_opens_without_paper():
    assert sent(drawer=True) == b"\x1b@\x1c&\x1bp\x00\x19\xfa"


@given(st.lists(st.text(max_size=40), max_size=5), st.sampled_from([58, 80]))
def test_whatever_is_typed_comes_out_as_text_and_steers_nothing(texts, paper_mm):
    blocks = [Pair(label=text, value=text) for text in texts] + [Line(text="end")]
    rows = printed(sent(*blocks, paper_mm=paper_mm))
    assert all(row.keys() >= {"text"} for row in rows)
    assert rows[-1]["text"] == "end"


@pytest.mark.parametrize(
    ("answers", "standing"),
    [
        (FINE, Standing(None, paper_low=False, drawer_open=False)),
        ((0x16, 0x12, 0x12, 0x12), Standing(None, drawer_open=True)),
        ((0x12, 0x12, 0x12, 0x1E), Standing(None, paper_low=True, drawer_open=False)),
        ((0x1A, 0x32, 0x12, 0x7E), Standing(Trouble.PAPER_OUT, paper_low=True, drawer_open=False)),
        ((0x1A, 0x16, 0x12, 0x12), Standing(Trouble.COVER_OPEN, drawer_open=False)),
        ((0x1A, 0x52, 0x1A, 0x12), Standing(Trouble.CUTTER, drawer_open=False)),
        ((0x1A, 0x52, 0x32, 0x12), Standing(Trouble.BROKEN, drawer_open=False)),
        ((0x1A, 0x1A, 0x12, 0x12), Standing(Trouble.BUSY, drawer_open=False)),
    ],
)
def test_what_a_printer_says_of_itself(answers, standing):
    assert status.read(answers) == standing


@given(st.lists(st.integers(0, 255), max_size=6))
def test_any_other_answer_is_garbled_and_never_fine(answers):
    right = len(answers) == 4 and all(answer & 0x93 == 0x12 for answer in answers)
    if right:
        standing = status.read(answers)
        clear = not (answers[0] & 0x08 or answers[1] & 0x24 or answers[2] & 0x28 or answers[3] & 0x60)
        assert (standing.trouble is None) == clear
    else:
        with pytest.raises(status.Garbled):
            status.read(answers)


@given(st.integers(0, 255))
def test_only_a_printers_own_word_says_that_all_is_out(answer):
    if answer & 0x90:
        with pytest.raises(status.Garbled):
            status.has_printed(answer)
    else:
        assert status.has_printed(answer) == (not answer & 0x0C)


@given(st.binary(max_size=200))
def test_the_simulators_decoder_takes_any_bytes(data):
    list(Decoder().feed(data))
