"""A line on its way: whatever happens to it and whenever one looks, it is somewhere, and its dates lie ahead."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topup.catalogue.checking import check
from topup.catalogue.line_facts import Effect, Event, Portion
from topup.catalogue.versions import CarrierVersion
from topup.kernel.ids import LineId, new_id
from topup.ledger.items import AtEnd, Debit, Expire, Item, Policy
from topup.ledger.queries import Bucket
from topup.lines.course import Course, born
from topup.lines.effects import items_of
from topup.lines.lives import Life, Lived
from topup.lines.rules import Ruling, ruling_of

EXAMPLES = Path(__file__).parents[3] / "examples" / "carriers"
START = datetime(2030, 1, 31, 15, 30, tzinfo=UTC)
LINE = LineId(new_id("line", 3))


def carriers() -> dict[str, CarrierVersion]:
    found = [check(file).document for file in sorted(EXAMPLES.glob("*.toml"))]
    return {document.id: CarrierVersion(document.id, 1, document) for document in found}


CARRIERS = carriers()
every_carrier = pytest.mark.parametrize("carrier", CARRIERS.values(), ids=CARRIERS)


def opened(ruling: Ruling, zone: str, now: datetime = START) -> Life:
    birth = born(ruling, now=now, zone=zone)
    return Life(
        lane=3, id=LINE, carrier_id="any", zone=zone, status="active", rules=birth.rules, state=birth.state,
        state_since=now, shows=birth.shows, clocks=birth.clocks, next_at=birth.next_at, looked_at=now, active_at=None,
        has_funds=False, funds_until=None, funds_since=now, gone="used_up", arrears_minor=0, fee_at=birth.fee_at,
        unfinished=None, number_free_at=None, closed_at=None,
    )  # fmt: skip


def bucket(balance: int, until: datetime | None, currency: str, *, kind: str = "main", held: int = 0) -> Bucket:
    return Bucket(
        id=new_id("account", 3), line_id=LINE, asset=currency, kind=kind, scope="any", priority=100,
        policy=Policy.SEPARATE, at_end=AtEnd.FORFEIT, source="topup", rule={"id": "test"}, balance=balance, held=held,
        usable_until=until, forfeit_at=until, opened_at=START,
    )  # type: ignore[arg-type]  # fmt: skip


@every_carrier
def test_every_state_has_a_way_out_or_is_final(carrier: CarrierVersion) -> None:
    rules = ruling_of(carrier).rules
    for state in rules.states.values():
        assert state.exits or state.closes, state.id
        assert all(way.to in rules.states for way in state.exits)


@every_carrier
def test_a_new_lines_dates_lie_ahead(carrier: CarrierVersion) -> None:
    ruling = ruling_of(carrier)
    for hour in range(0, 24 * 400, 7):
        now = START + timedelta(hours=hour)
        life = opened(ruling, carrier.document.time_zone, now)
        assert life.next_at is None or life.next_at > now
        assert all(datetime.fromisoformat(due) > now for due in (life.clocks or {}).values())


HAPPENINGS = st.lists(
    st.tuples(
        st.timedeltas(timedelta(0), timedelta(days=200)),
        st.sampled_from(["time", "activity", "topup", "topup"]),
        st.integers(1, 60_000),
        st.booleans(),
    ),
    max_size=12,
)


@every_carrier
@given(happenings=HAPPENINGS)
def test_no_line_is_ever_lost(carrier: CarrierVersion, happenings: list[tuple[timedelta, str, int, bool]]) -> None:
    ruling, zone, now = ruling_of(carrier), carrier.document.time_zone, START
    life, held = opened(ruling, zone), []
    for pause, what, amount, plain in happenings:
        now += pause
        before = life
        course = Course(life, ruling, held, now)
        course.pass_time()
        if what == "activity":
            course.meet(Event("activity"))
        elif what == "topup" and course.takes_topups:
            until = now + timedelta(days=90) if plain else None
            course.meet(Event("topup", amount_minor=amount, plain=plain, funds=(Portion(amount, until),)))
            held = [*held, bucket(amount, until, ruling.currency)]
        lived = course.lived()
        held = _posted(held, course.items(), now)
        life = lived.life
        _check(before, lived, ruling, now)
        again = Course(life, ruling, held, now)
        again.pass_time()
        assert what == "topup" or again.lived().life.state == life.state


def _posted(held: list[Bucket], items: list[Item], now: datetime) -> list[Bucket]:
    """What a line holds once its items are posted: a fee that was taken is there no more."""
    gone = {item.bucket_id for item in items if isinstance(item, Expire)}
    taken = sum(item.amount for item in items if isinstance(item, Debit))
    left = []
    for one in held:
        part = min(taken, one.available) if one.is_usable(now) else 0
        taken -= part
        if one.id not in gone:
            left.append(replace(one, balance=one.balance - part))
    return left


def _check(before: Life, lived: Lived, ruling: Ruling, now: datetime) -> None:
    life = lived.life
    assert life.state in ruling.rules.states
    way = [before.state]
    for change in lived.changes:
        assert change.left == way[-1]
        assert before.state_since <= change.at <= now
        way.append(change.entered)
    assert way[-1] == life.state
    assert before.looked_at <= life.looked_at == now
    assert before.state_since <= life.state_since <= now
    closes = ruling.rules.state(life.state).closes
    assert (life.status == "closed") is closes
    assert not (closes and life.next_at is None and life.number_free_at is not None)
    assert closes or life.next_at is None or life.next_at >= now
    for name, due in (life.clocks or {}).items():
        if due != (before.clocks or {}).get(name):
            assert datetime.fromisoformat(due) > now


@every_carrier
@given(looks=st.lists(st.timedeltas(timedelta(hours=1), timedelta(days=90)), min_size=1, max_size=10))
def test_how_often_one_looks_changes_nothing(carrier: CarrierVersion, looks: list[timedelta]) -> None:
    ruling, zone = ruling_of(carrier), carrier.document.time_zone
    life, now, changes = opened(ruling, zone), START, []
    for pause in looks:
        now += pause
        course = Course(life, ruling, (), now)
        course.pass_time()
        lived = course.lived()
        life, changes = lived.life, [*changes, *lived.changes]
    once = Course(opened(ruling, zone), ruling, (), now)
    once.pass_time()
    whole = once.lived()
    assert [(change.at, change.entered) for change in whole.changes] == [(c.at, c.entered) for c in changes]
    assert whole.life.state_since == life.state_since
    assert whole.life.arrears_minor == life.arrears_minor


@given(
    balances=st.lists(st.tuples(st.integers(1, 500), st.integers(0, 500)), max_size=5),
    fees=st.integers(1, 40),
)
def test_a_fee_takes_no_more_than_is_free(balances: list[tuple[int, int]], fees: int) -> None:
    carrier = CARRIERS["china"]
    ruling = ruling_of(carrier)
    held = [bucket(free + kept, None, "CNY", held=kept) for free, kept in balances]
    life = replace(opened(ruling, carrier.document.time_zone), has_funds=bool(held))
    course = Course(life, ruling, held, START + timedelta(days=30 * fees))
    course.pass_time()
    taken = sum(item.amount for item in course.items() if hasattr(item, "to_code") and hasattr(item, "amount"))
    assert taken <= sum(free for free, _ in balances)
    assert course.lived().life.arrears_minor >= 0


@given(data=st.data())
def test_each_bucket_is_touched_once_and_what_is_promised_never(data: st.DataObject) -> None:
    kinds = st.sampled_from(["main", "bonus", "promo"])
    held = [
        bucket(balance, None, "CNY", kind=kind, held=min(balance, kept))
        for balance, kept, kind in data.draw(
            st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), kinds), max_size=6)
        )
    ]
    effects = data.draw(
        st.lists(
            st.builds(
                Effect,
                st.sampled_from(["forfeit", "freeze"]),
                st.lists(kinds | st.just("all"), min_size=1).map(tuple),
                st.just(START),
            ),
            max_size=4,
        )
    )
    items = items_of(effects, held, START)
    touched = [item.bucket_id for item in items if hasattr(item, "bucket_id")]
    assert len(set(touched)) == len(touched) == len(items)
    free = {one.id for one in held if one.available > 0}
    assert set(touched) <= free
    meant = {kind for effect in effects for kind in effect.kinds}
    assert set(touched) == {one.id for one in held if one.id in free and ("all" in meant or one.kind in meant)}
