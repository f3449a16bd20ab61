"""Tables for spreadsheets: nothing in them is computed, and nothing is lost."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topup.platform.spreadsheets import as_csv, harmless

FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


@pytest.mark.parametrize("begins", FORMULAS)
@pytest.mark.parametrize("blanks", ["", " ", "\u3000 "])
def test_a_cell_that_would_be_computed_begins_with_an_apostrophe(begins, blanks):
    assert harmless(f"{blanks}{begins}1+1") == f"'{blanks}{begins}1+1"


@pytest.mark.parametrize("text", ["", "50.00", "138 0013 8000", "Mum", "a=b", "'quoted", "妈妈"])
def test_other_cells_stay_as_they_are(text):
    assert harmless(text) == text


@given(st.lists(st.lists(st.text(), min_size=2, max_size=2), max_size=5))
def test_a_table_is_read_back_cell_by_cell_and_no_cell_is_a_formula(rows):
    written = as_csv(["=a", "b"], rows)
    assert written.startswith(b"\xef\xbb\xbf")
    read = list(csv.reader(io.StringIO(written.decode("utf-8-sig"), newline="")))
    assert read == [["'=a", "b"], *([harmless(cell) for cell in row] for row in rows)]
    assert not [cell for row in read for cell in row if cell.lstrip(" \u3000").startswith(FORMULAS)]
