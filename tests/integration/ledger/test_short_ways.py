"""Whatever way items go, short or long: a call does what its items would do one by one.

Short ways judge by what was there before the call, and leave what that does not settle. Lines here have next to
nothing, so that what one item does is often what decides about the next.
"""

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import permutations

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.support.ledger import NOW, SPEC, credit, debit, expire, fresh_line, hold, release, settle, transfer
from topup.ledger import AtCap, AtEnd, Move, Policy, Posted, post
from topup.ledger.audit import audit
from topup.ledger.documents import columns_of
from topup.platform.database import application_conninfo

SPECS = {
    "plan": replace(SPEC, kind="plan", priority=1),
    "promo": replace(SPEC, kind="promo", priority=20),
    "main": SPEC,
    "capped": replace(SPEC, kind="capped", priority=60, policy=Policy.LONGEST, cap=6, at_cap=AtCap.CLIP),
}
MOVING = tuple(SPECS)
SPECS["moved"] = replace(SPEC, kind="moved", priority=90)
ENOUGH = {"main": (6, 0), "promo": (6, 0)}
EMPTY = {"plan": (3, 3)}
FULL = {"plan": (3, 0)}
ROW = """
SELECT code, places FROM ledger.post_many(
    %s::jsonb, %s::integer[], %s::smallint[], %s, %s, %s, %s::bigint[], %s, %s, %s::bigint[], %s, {unordered}, %s)
"""
BOOKS = """
SELECT b.kind, b.balance, b.held, b.closed_at IS NULL FROM ledger.buckets AS b
WHERE b.line_id = %(line)s ORDER BY 1, 2, 3, 4
""", """
SELECT coalesce(d.kind, t.debit), coalesce(c.kind, t.credit), t.amount
FROM ledger.transfers AS t
LEFT JOIN ledger.buckets AS d ON d.id = t.debit
LEFT JOIN ledger.buckets AS c ON c.id = t.credit
WHERE t.line_id = %(line)s ORDER BY 1, 2, 3
""", """
SELECT h.amount, h.settled, h.state, h.amounts, h.taken, h.closed_at FROM ledger.holds AS h
WHERE h.line_id = %(line)s ORDER BY 1, 2, 3, 4, 5
"""  # fmt: skip

OPENED = """
SELECT kind, usable_until, forfeit_at, balance FROM ledger.buckets WHERE line_id = %(line)s ORDER BY opened_order
"""

few = st.integers(1, 6)
kinds = st.sampled_from(MOVING)
some_bucket = st.none() | kinds
of_a_line = st.one_of(
    st.tuples(st.just("credit"), kinds, few),
    st.tuples(st.just("debit"), some_bucket, few),
    st.tuples(st.just("debit"), some_bucket, few),
    st.tuples(st.just("hold"), some_bucket, few),
    st.tuples(st.just("settle"), st.integers(0, 2), few, st.booleans()),
    st.tuples(st.just("settle"), st.integers(0, 2), few, st.booleans()),
    st.tuples(st.just("release"), st.integers(0, 2)),
    st.tuples(st.just("move"), some_bucket, few),
    st.tuples(st.just("transfer"), few),
)
ending = st.tuples(st.just("expire"), kinds)
amounts = st.sampled_from((0, 0, 3, 6))
stocks = st.fixed_dictionaries(dict.fromkeys(MOVING, st.tuples(amounts, amounts)))
promised = st.lists(st.tuples(few, some_bucket), max_size=3)


@dataclass
class Line:
    """One line as it was made, and what a test's words mean for it."""

    id: str
    buckets: dict[str, str]
    holds: list[str]

    def item(self, word, *about):
        match word, about:
            case "credit", (kind, amount):
                return credit(self.id, amount, bucket=SPECS[kind])
            case "debit", (kind, amount):
                return debit(self.id, amount, bucket_id=self.named(kind))
            case "hold", (kind, amount):
                return hold(self.id, amount, bucket_id=self.named(kind))
            case "move", (kind, amount):
                wanted = debit(self.id, amount)
                return Move(
                    lane=wanted.lane, key=wanted.key, purpose="test", reference="test", asset="CNY", amount=amount,
                    line_id=self.id, bucket_id=self.named(kind), bucket=SPECS["moved"], kinds=MOVING,
                )  # fmt: skip
            case "settle", (place, amount, final):
                return settle(self.hold(place), amount, final=final)
            case "release", (place,):
                return release(self.hold(place))
            case "expire", (kind,):
                return expire(self.named(kind), forced=True)
            case _:
                return transfer(amount=about[0])

    def named(self, kind):
        return kind and self.buckets.get(kind, "acc_unknown")

    def hold(self, place):
        return self.holds[place] if place < len(self.holds) else "hol_unknown"


class Books:
    """A connection whose every example is rolled back."""

    def __init__(self, runner, url):
        self.run = runner.run
        conninfo = application_conninfo(url, statement_timeout_s=60)
        self.connection = self.run(psycopg.AsyncConnection.connect(conninfo, autocommit=True))

    def line(self, stock, held):
        """A line with `stock` by kind: what was credited, what of it was spent; and holds of it."""
        line = fresh_line()
        buckets = {}
        for kind, (amount, spent) in stock.items():
            if amount:
                [made] = self.post(credit(line, amount, bucket=SPECS[kind]))
                buckets[kind] = made.legs[0].credit
                if spent:
                    self.post(debit(line, min(amount, spent), bucket_id=buckets[kind]))
        made = [self.post(Line(line, buckets, []).item("hold", kind, amount))[0] for amount, kind in held]
        return Line(line, buckets, [each.hold_id for each in made if isinstance(each, Posted)])

    def post(self, *items):
        return self.run(post(self.connection, items, NOW))

    def rows(self, statement, parameters):
        async def fetched():
            cursor = await self.connection.execute(statement, parameters)
            return await cursor.fetchall()

        return self.run(fetched())

    def raw(self, items, *, unordered):
        """(code, places) of each row of the answer."""
        return self.rows(ROW.format(unordered=unordered), (*columns_of(items), NOW))

    def of(self, line):
        return [self.rows(statement, {"line": line.id}) for statement in BOOKS]

    def begin(self):
        self.run(self.connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED"))

    def end(self):
        """Everything that was posted is sound; then it is forgotten."""
        try:
            report = self.run(audit(self.connection))
        finally:
            self.run(self.connection.execute("ROLLBACK"))
        assert report.sound, report.faults


@pytest.fixture(scope="module")
def books(postgres):
    name = postgres.clone()
    with asyncio.Runner() as runner:
        opened = Books(runner, postgres.url(name))
        yield opened
        opened.run(opened.connection.close())
    postgres.drop(name)


def told(line, answer):
    if not isinstance(answer, Posted):
        return answer.code
    kind_of = {identifier: kind for kind, identifier in line.buckets.items()}
    legs = [(kind_of.get(leg.debit, "new"), leg.amount, leg.sequence is None) for leg in answer.legs]
    return answer.hold_id is None, legs


patient = settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@patient
@example(ENOUGH, [], [("credit", "plan", 3), ("debit", None, 3)]).via("a bucket is opened that comes before")
@example(ENOUGH | EMPTY, [], [("credit", "plan", 3), ("debit", None, 3)]).via("an empty bucket comes before")
@example(ENOUGH | FULL, [(3, "plan")], [("release", 0), ("debit", None, 3)]).via("a held bucket comes before")
@example(ENOUGH | EMPTY, [], [("debit", "plan", 3), ("credit", "plan", 3)]).via("a credit comes too late")
@example(ENOUGH, [(3, "main")], [("settle", 0, 3, False), ("debit", "main", 1)]).via("all of a hold is taken")
@example(ENOUGH, [], [("debit", "main", 1), ("move", None, 8)]).via("a move after what went the short way")
@given(stocks, promised, st.lists(of_a_line | of_a_line | of_a_line | ending, min_size=2, max_size=5))
def test_in_order_a_call_gives_what_its_items_give_one_by_one(books, stock, held, words):
    books.begin()
    together, apart = books.line(stock, held), books.line(stock, held)
    answers = books.post(*[together.item(*word) for word in words])
    expected = [books.post(apart.item(*word))[0] for word in words]
    found, wanted = books.of(together), books.of(apart)
    books.end()
    assert [told(together, answer) for answer in answers] == [told(apart, answer) for answer in expected]
    assert found == wanted


@settings(patient, max_examples=50)
@given(stocks, promised, st.lists(of_a_line, min_size=2, max_size=3))
def test_without_order_a_call_gives_what_its_items_give_in_some_order(books, stock, held, words):
    books.begin()
    together = books.line(stock, held)
    books.raw([together.item(*word) for word in words], unordered=True)
    found, possible = books.of(together), []
    for order in permutations(words):
        line = books.line(stock, held)
        for word in order:
            books.post(line.item(*word))
        possible.append(books.of(line))
    books.end()
    assert found in possible


@pytest.mark.parametrize("unordered", [True, False])
def test_what_is_ordinary_goes_the_short_way(books, unordered):
    books.begin()
    lines = [books.line(ENOUGH, [(2, "main"), (2, "main"), (2, None)]) for _ in range(3)]
    words = [
        ("settle", 0, 1, False), ("settle", 1, 1, True), ("release", 2), ("debit", "main", 1), ("hold", "main", 1),
        ("credit", "promo", 3), ("transfer", 5),
    ]  # fmt: skip
    items = [line.item(*word) for word in words for line in lines]
    answered = books.raw(items, unordered=unordered)
    books.end()
    assert [(code, sorted(places)) for code, places in answered] == [("plain", list(range(1, len(items) + 1)))]


ENDING = {
    "plan": SPECS["plan"],
    "main": SPECS["main"],
    "month": replace(SPEC, kind="plan", usable_until=NOW + timedelta(days=30)),
    "later": replace(SPEC, kind="plan", usable_until=NOW + timedelta(days=60)),
    "frozen": replace(
        SPEC,
        kind="plan",
        usable_until=NOW + timedelta(days=30),
        at_end=AtEnd.FREEZE,
        grace_days=9,
        zone="Asia/Shanghai",
    ),
}


@settings(patient, max_examples=50)
@given(st.lists(st.tuples(st.sampled_from(sorted(ENDING)), few, st.integers(0, 1)), min_size=1, max_size=6), st.data())
def test_credits_open_what_they_would_open_one_by_one(books, words, data):
    """Of two lines; some of them again, in the call and after it."""
    again = data.draw(st.integers(0, len(words) - 1))
    books.begin()
    found = []
    for together in (True, False):
        lines = fresh_line(), fresh_line()
        items = [credit(lines[place], amount, bucket=ENDING[name]) for name, amount, place in words]
        asked = [*items, items[again]]
        answers = books.post(*asked) if together else [books.post(item)[0] for item in asked]
        assert [answer.replayed for answer in answers] == [False] * len(items) + [True]
        assert answers[-1].legs == answers[again].legs
        assert [answer.legs[0].usable_until for answer in answers[:-1]] == [
            ENDING[name].usable_until for name, *_ in words
        ]
        found.append([books.rows(OPENED, {"line": line}) for line in lines])
    books.end()
    assert found[0] == found[1]


def test_buckets_open_the_short_way_one_for_all_that_share_it(books):
    books.begin()
    line = fresh_line()
    items = [credit(line, 1, bucket=ENDING[name]) for name in ("month", "later", "month", "main")]
    items.append(transfer(amount=1))
    answered = books.raw(items, unordered=False)
    opened = books.rows(OPENED, {"line": line})
    books.end()
    assert [(code, places) for code, places in answered] == [("plain", [1, 2, 3, 4, 5])]
    assert [(kind, balance) for kind, _, _, balance in opened] == [("plan", 2), ("plan", 1), (SPEC.kind, 1)]


LEFT = {
    "the first bucket has not enough": [("debit", None, 3)],
    "the first bucket has not enough for two": [("debit", None, 1), ("hold", None, 2)],
    "the bucket is not there yet": [("credit", "plan", 1)],
    "the credit may change the end": [("credit", "capped", 1)],
    "a hold is closed twice": [("settle", 0, 1, True), ("release", 0)],
    "a hold is on two buckets": [("release", 1)],
    "a hold is not there": [("release", 2)],
    "a bucket ends": [("expire", "main")],
}


@pytest.mark.parametrize("words", LEFT.values(), ids=LEFT)
def test_what_is_not_ordinary_is_left(books, words):
    books.begin()
    line = books.line(ENOUGH, [(2, "main"), (8, None)])
    items = [line.item("hold", "main", 1), *[line.item(*word) for word in words]]
    answered = books.raw(items, unordered=False)
    books.end()
    assert sum(len(places) for code, places in answered if code == "plain") < len(items)


def test_a_key_of_before_is_answered_by_what_was_posted_under_it(books):
    books.begin()
    line = books.line(ENOUGH, [])
    before = line.item("debit", "main", 1)
    [first] = books.post(before)
    new, again = books.post(line.item("debit", "main", 2), before)
    books.end()
    assert (new.replayed, again.replayed, again.legs) == (False, True, first.legs)
