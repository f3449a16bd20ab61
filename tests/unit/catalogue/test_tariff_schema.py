"""Any file of the whole language: what the reader takes, an editor's schema takes too, and it is stored as it was."""

import json
import tomllib

import jsonschema_rs
from hypothesis import given
from hypothesis import strategies as st

from topup.catalogue.checking import check_bytes
from topup.catalogue.schema import carrier_schema
from topup.catalogue.versions import from_json, to_json

BASE = """\
id = "acme"
names = { zh_Hans = "甲", zh_Hant = "甲", en = "Acme" }
country = "CN"
time_zone = "Asia/Shanghai"
currency = "CNY"
network = "own"
[numbering]
ranges = ["+86138"]
[credit]
face_values = [10, 50]
"""
VALIDATOR = jsonschema_rs.validator_for(carrier_schema())

AMOUNTS = st.one_of(st.integers(1, 900), st.integers(1, 90_000).map(lambda cents: f"{cents // 100}.{cents % 100:02}"))
SPANS = st.one_of(
    st.fixed_dictionaries({"days": st.integers(1, 800)}), st.fixed_dictionaries({"months": st.integers(1, 36)})
)
ENDS = st.sampled_from(["midnight", "exact", "month_end"])
KINDS = st.lists(st.sampled_from(["all", "main", "bonus", "promo", "plan", "shared"]), max_size=3)


def tiers(more) -> st.SearchStrategy:
    """Tiers that ascend, each with what `more` gives."""
    starts = st.sets(st.integers(0, 900), min_size=1, max_size=5).map(sorted)
    return starts.flatmap(
        lambda found: st.tuples(*(more.map(lambda rest, at=at: {"from": at} | rest) for at in found)).map(list)
    )


VALIDITIES = st.one_of(
    st.just({"rule": "never"}),
    st.builds(lambda found, ends: {"rule": "balance", "tiers": found, "ends": ends}, tiers(SPANS), ENDS),
    st.builds(
        lambda span, ends, policy, rest: {"rule": next(iter(span)), "ends": ends, "policy": policy} | span | rest,
        SPANS,
        st.sampled_from(["midnight", "exact"]),
        st.sampled_from(["separate", "extend", "longest", "renew"]),
        st.one_of(
            st.just({}),
            st.builds(lambda days: {"at_end": "freeze", "grace_days": days}, st.integers(1, 90)),
            st.builds(
                lambda days, cap: {"at_end": "roll_over", "roll": {"days": days, "cap": cap}},
                st.integers(1, 90),
                AMOUNTS,
            ),
        ),
    ),
)
EXITS = st.one_of(
    st.sampled_from(["credit_gone", "credit_used_up", "credit_expired"]).map(lambda when: {"when": when}),
    st.builds(lambda least, plain: {"when": "topup", "least": least, "plain": plain}, AMOUNTS, st.booleans()),
    st.builds(lambda span, ends: {"when": "days", "ends": ends} | span, SPANS, ENDS),
    st.just({"when": "clock", "clock": "number"}),
)


@st.composite
def states(draw) -> list[dict]:
    """States in a row, each leading to later ones only."""
    count = draw(st.integers(1, 5))
    found = []
    for index in range(count):
        ways = draw(st.lists(EXITS, max_size=3)) if index + 1 < count else []
        state = {
            "id": f"state-{index}",
            "shows": draw(st.sampled_from(["active", "low", "reserved"])),
            "leave": [way | {"to": f"state-{draw(st.integers(index + 1, count - 1))}"} for way in ways],
            "on_entry": {"forfeit": draw(KINDS), "freeze": draw(KINDS)},
            "remind_days": draw(st.lists(st.integers(1, 90), max_size=3)),
        }
        found.append(state)
    return found


@st.composite
def files(draw) -> dict:
    """Any file of the whole language."""
    content = tomllib.loads(BASE)
    content["credit"]["validity"] = draw(VALIDITIES)
    content["credit"]["tiers"] = draw(tiers(VALIDITIES.map(lambda rule: {"validity": rule})))
    content["clocks"] = {"number": draw(SPANS) | {"ends": draw(ENDS), "restarts": ["activation", {"on": "topup"}]}}
    content["life_cycle"] = {"states": draw(states())}
    content["monthly_fee"] = {"amount": draw(AMOUNTS), "day": draw(st.integers(1, 31)), "arrears": draw(st.booleans())}
    content["caps"] = [
        {"asset": "CREDIT", "amount": draw(AMOUNTS), "at_cap": draw(st.sampled_from(["refuse", "clip"]))}
    ]
    return content


@given(files())
def test_whatever_the_reader_takes_the_schema_takes(content):
    found = check_bytes(toml(content).encode(), name="acme.toml").document
    VALIDATOR.validate(content)
    assert from_json(to_json(found)) == found


def toml(content: dict) -> str:
    """The content as TOML: every value on one line."""
    return "".join(f"{key} = {_value(value)}\n" for key, value in content.items())


def _value(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_value(part)}" for key, part in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
