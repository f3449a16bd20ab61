"""The canonical line: the audit's SQL and the posting function write it as described, and no two rows share one."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from topup.ledger.chain import LINE, REFERENCE, genesis, link_hash

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIELDS = (
    "lane", "sequence", "leg", "amount", "created_at", "usable_until", "fingerprint", "asset", "debit", "credit",
    "line_id", "key", "purpose", "reference",
)  # fmt: skip
TYPES = ("smallint", "bigint", "smallint", "bigint", "timestamptz", "timestamptz", "bytea", *["text"] * 7)
ROW = ", ".join(f"%s::{kind} AS {field}" for field, kind in zip(FIELDS, TYPES, strict=True))
BY_AUDIT = f"SELECT {LINE} FROM (SELECT {ROW}) AS t"
GIVEN = (f"ledger.micros(%s::{kind})" if kind == "timestamptz" else f"%s::{kind}" for kind in TYPES)
BY_POSTING = f"SELECT ledger.canonical({', '.join(GIVEN)})"

text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
instant = st.datetimes(datetime(1970, 1, 1), datetime(9000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - given below
rows = st.tuples(
    st.integers(0, 1023), st.integers(1, 2**62), st.integers(0, 99), st.integers(1, 2**53), instant,
    instant | st.none(),
    st.binary(max_size=16), text, text, text, text | st.none(), text, text, text,
)  # fmt: skip


def described(row) -> str:
    """As ledger/chain.py says it in words."""
    lane, sequence, leg, amount, created, until, fingerprint, *texts = row
    ends = "-" if until is None else (until - EPOCH) // timedelta(microseconds=1)
    numbers = [lane, sequence, leg, amount, (created - EPOCH) // timedelta(microseconds=1), ends, fingerprint.hex()]
    return " ".join(map(str, [*numbers, *("-" if field is None else field for field in texts)]))


@pytest.fixture(scope="module")
def connection(postgres):
    name = postgres.clone()
    with psycopg.connect(postgres.url(name), autocommit=True) as opened:
        yield opened
    postgres.drop(name)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows)
def test_the_line_is_the_same_by_whomever_it_is_written(connection, row):
    [by_audit] = connection.execute(BY_AUDIT, row).fetchone()
    [by_posting] = connection.execute(BY_POSTING, row).fetchone()
    assert by_audit == by_posting == described(row)


few = st.text(alphabet="ab|:-0\x1f中", max_size=6)
line_ids = st.none() | few.filter(lambda text: text != "-")
similar = st.tuples(
    st.integers(0, 15), st.integers(1, 30), st.integers(0, 2), st.integers(1, 30), st.just(EPOCH),
    st.none() | st.just(EPOCH), st.binary(max_size=2), few, few, few, line_ids, few, few, few,
)  # fmt: skip


@given(similar, similar)
def test_two_rows_never_share_a_line(first, second):
    assume(first != second)
    assert described(first) != described(second)


@given(similar)
def test_moving_a_letter_from_one_text_to_the_next_shows(row):
    *before, purpose, reference = row
    assume(purpose)
    assert described((*before, purpose[:-1], purpose[-1] + reference)) != described(row)


@given(st.lists(similar.map(described), min_size=1, max_size=4), st.data())
def test_a_link_is_of_its_rows_in_their_order_and_of_its_past(lines, data):
    found = link_hash(genesis(0), lines)
    assert found != link_hash(genesis(1), lines)
    assert found != link_hash(genesis(0), lines[1:])
    other = data.draw(st.permutations(lines))
    assert (link_hash(genesis(0), other) == found) == (other == lines)


@given(similar, st.sampled_from(FIELDS[7:]), st.sampled_from([" ", "\n"]))
def test_a_row_that_no_item_makes_has_no_hash(row, field, strange):
    """A text with what separates texts or rows: whatever it says, it is not what was posted."""
    place = FIELDS.index(field)
    spoilt = (*row[:place], f"a{strange}b", *row[place + 1 :])
    assert link_hash(genesis(0), [described(row)]) is not None
    assert link_hash(genesis(0), [described(row), described(spoilt)]) is None


@pytest.mark.parametrize("key", ["ord_1:grant:0", "ord_1", ":x", "", "other:1"])
@pytest.mark.parametrize("reference", ["ord_1", "", "ord_1:grant:0", "other"])
def test_a_reference_that_the_key_begins_with_is_stored_once_and_read_whole(connection, key, reference):
    stored, read = connection.execute(
        f"SELECT t.reference, {REFERENCE} FROM"
        " (SELECT k.key, ledger.stored_reference(k.key, k.reference) AS reference"
        " FROM (SELECT %s AS key, %s AS reference) AS k) AS t",
        (key, reference),
    ).fetchone()
    assert read == reference
    assert (stored is None) == (key.partition(":")[0] == reference)
