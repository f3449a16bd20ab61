"""What takes a parser time by the square of its length is refused before it is parsed, with its line."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topup.catalogue import checking
from topup.catalogue.bounds import LONGEST_LINE, MOST_PARTS, beyond_bounds
from topup.catalogue.checking import CatalogueMistakes, check_bytes
from topup.catalogue.demonstration import demonstration_files

PART = st.sampled_from(["a", "b-1", '"a.b"', '"\\"."', "'='", '"#"'])
DOT = st.sampled_from([".", " . ", "\t."])
KEY = "a key has more than 16 parts"


def said(text: str) -> tuple[int, str] | None:
    found = beyond_bounds(text, name="carrier.toml")
    return (found.line, found.reason) if found else None


@given(st.lists(PART, min_size=1, max_size=2 * MOST_PARTS), DOT, st.sampled_from(["{} = 1", "[{}]", "[[{}]]"]))
def test_a_key_or_header_has_so_many_parts_and_no_more(parts, dot, form):
    text = "# a . b\nx = 1.5\n" + form.format(dot.join(parts))
    assert said(text) == ((3, KEY) if len(parts) > MOST_PARTS else None)
    tomllib.loads(text.replace("x = 1.5", ""))


@pytest.mark.parametrize(
    "text",
    [
        "x = { " + "a." * MOST_PARTS + "a = 1 }",
        'x = """\n"""\ny = 1\n' + "a." * MOST_PARTS + "a = 1",
        "x = '''\n'' ' '''''\n" + "a." * MOST_PARTS + "a = 1",
        "x = 'it' # isn't\n" + "a." * MOST_PARTS + "a = 1",
        "x = [\n1.5, 1.5]\n" + "a." * 60_000 + "a = 1",
    ],
)
def test_wherever_a_key_is_its_line_is_told(text):
    assert said(text) == (text.count("\n") + 1, KEY)


def test_dots_in_values_texts_and_comments_are_no_parts():
    dots = ". " * 50
    assert said(f'x = [{"1.5, " * 50}]\ny = "{dots}"\nz = \'{dots}\' # {dots}\nv = """\n{dots}\\"""\n{dots}"""') is None


def test_a_line_is_so_long_and_no_longer_but_in_a_text_of_several_lines():
    fits = "x" * (LONGEST_LINE - len("a = ''"))
    assert said(f"a = '{fits}'\nb = 1") is None
    assert said(f"\na = '{fits}x'") == (2, "the line is longer than 4000 characters")
    for quotes in ("'''", '"""'):
        assert said(f"a = {quotes}\n{fits * 3}\n{fits * 3}{quotes}\nb = 1") is None


@given(st.text(alphabet="a.\"'\\\n#=[]{}, \r", max_size=60))
def test_whatever_the_text_a_line_of_it_is_told_or_none(text):
    long = said(text + "\n" + "'''\n" * 2 + '"""\n' * 2 + "a" * 2 * LONGEST_LINE)
    assert long is None or 1 <= long[0] <= text.count("\n") + 6


def test_what_is_refused_is_not_parsed(monkeypatch):
    monkeypatch.setattr(checking, "_parse", lambda *_: pytest.fail("it was parsed"))
    with pytest.raises(CatalogueMistakes) as caught:
        check_bytes(b"a." * 60_000 + b"a = 1", name="carrier.toml")
    assert [(one.line, one.reason) for one in caught.value.mistakes] == [(1, KEY)]


@pytest.mark.parametrize("file", demonstration_files(), ids=lambda file: file.name)
def test_published_examples_are_within(file):
    assert said(file.read_text(encoding="utf-8")) is None
