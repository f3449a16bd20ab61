"""Rows as columns of texts: as many lines as rows, each where it belongs, or nothing at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topup.platform.arrays import texts

CELLS = st.one_of(st.none(), st.integers(), st.text(st.characters(codec="utf-8", exclude_characters="\n"), min_size=1))


@given(rows=st.lists(st.tuples(CELLS, CELLS), min_size=1))
def test_each_line_is_its_row_s(rows):
    columns = [text.split("\n") for text in texts(rows)]
    assert list(zip(*columns, strict=True)) == [tuple("" if one is None else str(one) for one in row) for row in rows]


@pytest.mark.parametrize("row", [("a\n", "b"), ("a", "\nb"), ("\n", "\n")])
def test_a_line_break_is_refused_and_shifts_nothing(row):
    with pytest.raises(ValueError, match="line break"):
        texts([("x", "y"), row])
