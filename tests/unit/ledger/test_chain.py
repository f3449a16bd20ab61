"""The canonical text of a transfer is of that transfer only."""

from hypothesis import assume, given
from hypothesis import strategies as st

from topup.ledger.chain import Link, genesis, link_hash

TEXT = st.text(alphabet="ab|:-0\x1f中", max_size=6)
LINKS = st.builds(
    Link,
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


@given(LINKS, LINKS)
def test_two_rows_never_share_a_hash(first, second):
    assume(first != second)
    assert link_hash(genesis(0), first) != link_hash(genesis(0), second)


@given(LINKS, st.data())
def test_moving_a_letter_from_one_text_to_the_next_shows(link, data):
    assume(link.purpose)
    moved = link._replace(purpose=link.purpose[:-1], reference=link.purpose[-1] + link.reference)
    assert link_hash(b"before", moved) != link_hash(b"before", link)


@given(LINKS)
def test_the_same_row_after_another_past_has_another_hash(link):
    assert link_hash(genesis(0), link) != link_hash(genesis(1), link)
