"""The canonical text of a transfer is of that transfer only."""

from hypothesis import assume, given
from hypothesis import strategies as st

from topup.ledger.chain import Entry, canonical, genesis, link_hash

TEXT = st.text(alphabet="ab|:-0\x1f中", max_size=6)
ENTRIES = st.builds(
    Entry,
    lane=st.integers(0, 15),
    sequence=st.integers(1, 30),
    leg=st.integers(0, 2),
    amount=st.integers(1, 30),
    created_us=st.integers(0, 30),
    usable_until_us=st.none() | st.integers(0, 30),
    fingerprint=st.binary(max_size=2),
    asset=TEXT,
    debit=TEXT,
    credit=TEXT,
    line_id=st.none() | TEXT,
    key=TEXT,
    purpose=TEXT,
    reference=TEXT,
    hash=st.just(b""),
)


@given(ENTRIES, ENTRIES)
def test_two_rows_never_share_a_text(first, second):
    assume(first != second)
    assert canonical(first) != canonical(second)


@given(ENTRIES, st.data())
def test_moving_a_letter_from_one_text_to_the_next_shows(entry, data):
    assume(entry.purpose)
    moved = entry._replace(purpose=entry.purpose[:-1], reference=entry.purpose[-1] + entry.reference)
    assert canonical(moved) != canonical(entry)


@given(st.lists(ENTRIES.map(canonical), min_size=1, max_size=4), st.data())
def test_a_link_is_of_its_rows_in_their_order_and_of_its_past(lines, data):
    found = link_hash(genesis(0), lines)
    assert found != link_hash(genesis(1), lines)
    assert found != link_hash(genesis(0), lines[1:])
    other = data.draw(st.permutations(lines))
    assert (link_hash(genesis(0), other) == found) == (other == lines)
