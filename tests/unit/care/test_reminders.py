"""What goes to whom by what they chose; links that stop it; facts of events in words."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topup.care.reminders.sending import MANY, MONEY, Reader, sendings
from topup.care.reminders.stopping import Stops
from topup.care.reminders.wording import amount_words, end_words, why_words
from topup.kernel.errors import NotFound
from topup.kernel.ids import new_id
from topup.kernel.money import Money
from topup.notifications.daytime import is_daytime
from topup.notifications.notices import Due
from topup.notifications.ports import AddressKind
from topup.notifications.templates import TEMPLATES, LocalDay, LocalTime, Words, say, to_json
from topup.people.subscribers.reminders import Reminders, Subject, Way
from topup.platform.i18n import LOCALES, has_text
from topup.platform.keys import KeyRing

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
OF = {
    "low": Subject.LOW,
    "used_up": Subject.LOW,
    "filled": Subject.LOW,
    "expiring": Subject.EXPIRING,
    "line_changes": Subject.BLOCKED,
    "line_ends": Subject.BLOCKED,
    "line_blocked": Subject.BLOCKED,
    "line_restored": Subject.BLOCKED,
    "arrived": Subject.ARRIVED,
    "credited": Subject.ARRIVED,
    "gift_left": Subject.ARRIVED,
    "gift_address": Subject.ARRIVED,
    "money_back": Subject.FAILED,
    "money_is_back": Subject.REFUNDED,
}
WAYS = st.frozensets(st.sampled_from(Way))
CHOSEN = st.builds(
    Reminders, st.fixed_dictionaries(dict.fromkeys(Subject, WAYS)), st.integers(0, 23), st.integers(0, 23)
)
ZONES = st.sampled_from(["Asia/Shanghai", "America/Cayman", "Europe/London", "Pacific/Chatham"])


@st.composite
def readers(draw) -> Reader:
    addresses = draw(st.dictionaries(st.sampled_from(Way), st.just("somewhere")))
    return Reader("sub", addresses, "en", draw(st.none() | ZONES), draw(CHOSEN))


@st.composite
def notices(draw) -> list[Due]:
    found = []
    for number in range(draw(st.integers(0, 8))):
        template = draw(st.sampled_from(sorted(OF)))
        parameters = {"number": draw(st.sampled_from(["138", "139"])), "what": draw(st.sampled_from([MONEY, "data"]))}
        not_by = sorted(way.value for way in draw(WAYS))
        urgent = draw(st.booleans())
        found.append(Due("sub", f"n{number}", OF[template], template, parameters, draw(ZONES), urgent, not_by, None))
    return found


@given(readers(), notices())
def test_everything_wanted_goes_once_by_each_way_and_nothing_else_does(reader: Reader, ready: list[Due]) -> None:
    sent = sendings(reader, ready)
    for way in Way:
        told = [one for sending in sent if sending.way is way for one in sending.notices]
        assert len({one.id for one in told}) == len(told)
        wanted = [
            one
            for one in ready
            if way in reader.addresses and way in reader.chosen.ways[Subject(one.kind)] and way.value not in one.not_by
        ]
        assert [one for one in wanted if one in told] == told
        for left_out in (one for one in wanted if one not in told):
            assert left_out.template in {"low", "used_up"}
            assert left_out.parameters["what"] == MONEY
            blocked = {one.parameters["number"] for one in told if one.template == "line_blocked"}
            assert left_out.parameters["number"] in blocked
        messages = [sending for sending in sent if sending.way is way]
        assert len(messages) < MANY
        assert len(messages) <= 1 or all(len(message.notices) == 1 for message in messages)


@given(readers(), notices(), st.integers(0, 400 * 24 * 3600))
def test_nobody_is_disturbed_in_their_quiet_hours(reader: Reader, found: list[Due], second: int) -> None:
    now = NOW + timedelta(seconds=second)
    for notice in found:
        at = reader.ready_at(notice, now)
        zone = reader.zone or notice.zone
        assert at == now if notice.urgent else now <= at <= now + timedelta(hours=25)
        # Where clocks are put forward over the only hour of a day, who looks again waits for the next one.
        begins_alone = (reader.hours.ends - reader.hours.begins) % 24 == 1
        assert notice.urgent or begins_alone or is_daytime(at, zone, reader.hours)


@given(st.frozensets(st.sampled_from(Subject), min_size=1))
def test_a_link_stops_what_it_was_made_for(tmp_path_factory: pytest.TempPathFactory, subjects: frozenset) -> None:
    stops = Stops(KeyRing(tmp_path_factory.mktemp("keys") / "keys"), public_url="https://topup.example")
    subscriber = new_id("subscriber", 3)
    address = stops.url(subscriber_id=subscriber, subjects=sorted(subjects))
    assert address.startswith("https://topup.example/stop/")
    assert len(address) < 400
    found = stops.read(address.rpartition("/")[2])
    assert (found.subscriber_id, set(found.subjects)) == (subscriber, subjects)


def test_no_link_of_anybody_elses_making_stops_anything(tmp_path: Path) -> None:
    stops = Stops(KeyRing(tmp_path / "keys"), public_url="")
    others = Stops(KeyRing(tmp_path / "others"), public_url="")
    good = stops.url(subscriber_id=new_id("subscriber", 3), subjects=[Subject.LOW]).rpartition("/")[2]
    stops.read(good)
    # The last letter has bits that mean nothing: two letters may say the same.
    changed = [good[:at] + ("A" if good[at] != "A" else "B") + good[at + 1 :] for at in range(len(good) - 1)]
    strange = others.url(subscriber_id=new_id("subscriber", 3), subjects=[Subject.LOW]).rpartition("/")[2]
    refused = 0
    for token in (*changed, strange, "", "A", "充", "=" * 8, good * 9, good[:-3]):
        with pytest.raises(NotFound, match="stop_unknown"):
            stops.read(token)
        refused += 1
    print(f"forged={refused} accepted=0")


@pytest.mark.parametrize(
    ("asset", "amount", "said"),
    [
        ("DATA", 12_345_678, "11.7 MB data"),
        ("DATA", 900, "900 B data"),
        ("DATA", (1 << 30) * 12 + 7, "12 GB data"),
        ("VOICE", 3_659, "60 min of calls"),
        ("VOICE", 59, "59 s of calls"),
        ("SMS", 7, "7 SMS"),
    ],
)
def test_amounts_are_said_as_people_count_and_never_larger(asset: str, amount: int, said: str) -> None:
    stored = to_json({"number": "138", "what": "x", "left": amount_words(asset, amount)})
    assert say("low.text", stored, "en") == f"138: x running low, {said} left. Top up in time."


def test_money_is_money() -> None:
    assert amount_words("CNY", 1234) == Money(1234, "CNY")


def test_what_ends_with_a_day_is_said_as_that_day() -> None:
    midnight = datetime(2026, 5, 2, tzinfo=ZoneInfo("Asia/Shanghai")).astimezone(UTC)
    found = end_words(midnight, "Asia/Shanghai")
    assert isinstance(found, LocalDay)
    assert found.at.astimezone(ZoneInfo("Asia/Shanghai")).day == 1
    assert isinstance(end_words(midnight + timedelta(hours=3), "Asia/Shanghai"), LocalTime)


RULES = [
    {
        "id": "why_midnight",
        "days": 30,
        "from": "2026-04-01T10:00:00+08:00",
        "last_day": "2026-05-01",
        "policy": "separate",
    },
    {"id": "why_month_end", "from": "2026-04-01T10:00:00+08:00", "last_day": "2026-04-30"},
    {"id": "why_balance", "tiers": "500:90d 1000:4m", "currency": "CNY", "from": "2026-04-01T10:00:00+08:00"},
    {"id": "why_never_ends"},
    {"id": "of another carrier"},
    {},
]


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("rule", RULES)
def test_why_it_ends_then_is_said_in_every_language(rule: dict[str, object], locale: str) -> None:
    zoned = rule | {"zone": "Asia/Shanghai"} if "from" in rule else rule
    why = why_words(zoned)
    assert isinstance(why, Words)
    stored = to_json({"number": "138", "left": "1", "until": "x", "why": why, "to_do": "y"})
    said = say("expiring.body", stored, locale)
    assert "{" not in said
    assert "Asia" not in said
    assert ("90" in said) == ("tiers" in rule)


def test_every_notice_says_what_it_is_in_a_sentence_and_is_of_a_subject_one_can_choose() -> None:
    told = {template for template in TEMPLATES if template in OF}
    assert told == set(OF)
    for template in OF:
        assert all(has_text("messages", f"{template}.{part}") for part in ("subject", "body", "text"))
    assert set(OF.values()) == set(Subject)
    assert {way.value for way in Way} == {kind.value for kind in AddressKind}
