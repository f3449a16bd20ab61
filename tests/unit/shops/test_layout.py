"""A paper in columns: a Chinese character takes two, money ends at the right edge, nothing typed steers a printer."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from topup.shops.printing.layout import Row, as_text, pair, printable, set_paper, width, wrap
from topup.shops.printing.paper import Code, Feed, Line, Pair, Paper, Rule

TEXTS = st.text(max_size=120).map(printable)
WORDS = st.text(alphabet="abc ,.充值成功。，（）12", max_size=80)
COLUMNS = st.sampled_from([16, 24, 32, 48])


def paper(*blocks, **said) -> Paper:
    return Paper(title="", locale="zh_Hans", blocks=blocks, **said)


@pytest.mark.parametrize(("text", "columns"), [("", 0), ("abc", 3), ("充值", 4), ("￥50.00", 7), ("a充b", 4)])
def test_a_chinese_character_takes_two_columns(text, columns):
    assert width(text) == columns


def test_amounts_end_at_the_right_edge_whatever_stands_before_them():
    rows = set_paper(
        paper(
            Line(text="充值凭证", align="centre", size=2, strong=True),
            Pair(label="面值", value="¥50.00"),
            Pair(label="Discount", value="-¥1.50"),
            Rule(),
            Pair(label="实付", value="¥48.50", strong=True),
            Feed(),
            Code(data="https://topup.example/verify/a"),
        ),
        columns=32,
    )
    assert as_text(rows, columns=32) == (
        "        充值凭证\n"
        "面值                     ￥50.00\n"
        "Discount                 -￥1.50\n"
        "--------------------------------\n"
        "实付                     ￥48.50\n"
        "\n"
        "[QR https://topup.example/verify/a]"
    )


def test_a_value_that_does_not_fit_beside_its_name_stands_below_it():
    assert pair("付款流水号", "2026112122001400000000000001", 32) == [
        "付款流水号",
        "    2026112122001400000000000001",
    ]


def test_a_long_text_is_broken_at_spaces_and_between_chinese_characters():
    assert wrap("Keep this receipt safe", 12) == ["Keep this", "receipt safe"]
    assert wrap("请妥善保管本凭证", 8) == ["请妥善保", "管本凭证"]


def test_no_line_begins_with_the_end_of_a_sentence():
    assert wrap("充值成功。谢谢", 8) == ["充值成", "功。谢谢"]


@given(TEXTS, COLUMNS)
def test_no_line_is_wider_than_the_paper(text, columns):
    assert all(width(line) <= columns for line in wrap(text, columns))


@given(WORDS, COLUMNS)
def test_nothing_but_spaces_is_lost_at_the_end_of_a_line(text, columns):
    assert "".join(wrap(text, columns)).replace(" ", "") == text.replace(" ", "")


@given(TEXTS, TEXTS, COLUMNS)
def test_a_pair_keeps_to_the_paper_and_loses_nothing(label, value, columns):
    lines = pair(label, value, columns)
    assert all(width(line) <= columns for line in lines)
    assert "".join(lines).replace(" ", "") == (label + value).replace(" ", "")


@given(
    st.text(alphabet="abc值", min_size=1, max_size=8),
    st.text(alphabet="0123456789.￥", min_size=1, max_size=14),
    COLUMNS,
)
def test_a_value_ends_at_the_right_edge_in_one_piece_where_the_paper_is_as_wide(label, value, columns):
    assume(width(value) <= columns)
    last = pair(label, value, columns)[-1]
    assert width(last) == columns
    assert last.endswith(value)


@given(st.text(max_size=60))
def test_no_character_that_steers_a_printer_is_left(text):
    assert not [letter for letter in printable(text).encode("gb18030", "replace") if letter < 0x20]


@given(st.text(max_size=60), COLUMNS)
def test_every_row_of_a_paper_fits_it(text, columns):
    blocks = (Line(text=text, size=2, align="right"), Line(text=text), Pair(label=text, value=text))
    for row in set_paper(paper(*blocks), columns=columns):
        assert isinstance(row, Row)
        assert width(row.text) * row.size <= columns


def test_a_code_with_anything_but_ascii_is_refused():
    with pytest.raises(ValueError, match="ASCII"):
        set_paper(paper(Code(data="充值")), columns=48)
