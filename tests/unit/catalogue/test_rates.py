"""What a carrier's file says of the cost of use, the sentence for what it may not say, and which rate is for what."""

import tomllib
from datetime import datetime
from decimal import Decimal

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.carriers import CARRIERS
from topup.catalogue.checking import CatalogueMistakes, check_bytes
from topup.catalogue.documents import CarrierDocument
from topup.catalogue.rates import Period, Rate, RateBook
from topup.catalogue.schema import carrier_schema
from topup.catalogue.versions import CarrierVersion, from_json, to_json

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
validity = { rule = "never" }
[[rates]]
"""
FIRST = BASE.count("\n")
VALIDATOR = jsonschema_rs.validator_for(carrier_schema())
VOICE = 'id = "v"\nservice = "voice"\nsteps = "60+1"\nprice = "0.15"\nper = "1 min"\n'
CHINA = CARRIERS["china"].rate_book


def document(text: str) -> CarrierDocument:
    """What is read; whatever is, the schema takes too, and it is stored and read again as it was."""
    found = check_bytes(text.encode(), name="acme.toml").document
    VALIDATOR.validate(tomllib.loads(text))
    assert from_json(to_json(found)) == found
    return found


def one(written: str) -> Rate:
    [found] = document(BASE + written).rates
    return found


def complaints(written: str) -> list[str]:
    with pytest.raises(CatalogueMistakes) as caught:
        document(BASE + written)
    return [f"{mistake.line - FIRST}: {mistake.reason}" for mistake in caught.value.mistakes]


def test_a_file_without_rates_has_an_empty_book():
    found = document(BASE.removesuffix("[[rates]]\n"))
    assert found.rates == ()
    assert CarrierVersion("acme", 1, found).rate_book.find(service="voice", country="CN", called=None) is None


def test_everything_a_rate_may_say():
    found = one(
        VOICE
        + 'zone = "roaming"\ncountries = ["HK"]\nprefixes = ["+852"]\narea = "near"\nconnection_fee = "0.05"\n'
        + 'free_numbers = ["999"]\ndaily_cap = 10\nremainder = "half_up"\n'
        + 'periods = [{ name = "peak", days = ["fri", "mon"], from = "08:00", to = "24:00", price = "0.0015" }]\n'
    )
    assert found == Rate(
        id="v",
        service="voice",
        zone="roaming",
        first=60,
        further=1,
        price_minor=Decimal(15),
        per=60,
        countries=("HK",),
        prefixes=("+852",),
        area="near",
        connection_fee_minor=5,
        free_numbers=("999",),
        periods=(Period("peak", ("mon", "fri"), 480, 1440, Decimal("0.15")),),
        daily_cap_minor=1000,
        remainder="half_up",
    )


@pytest.mark.parametrize(
    ("service", "steps", "first", "further"),
    [
        ("voice", '"60+60"', 60, 60),
        ("voice", '"6+6"', 6, 6),
        ("voice", '"1 min + 1 s"', 60, 1),
        ("voice", "1", 1, 1),
        ("data", '"1 kB"', 1000, 1000),
        ("data", '"1 MiB + 100 kB"', 2**20, 100_000),
        ("sms", "1", 1, 1),
    ],
)
def test_steps(service, steps, first, further):
    found = one(f'id = "x"\nservice = "{service}"\nsteps = {steps}\nprice = 1\nper = 1\n')
    assert (found.first, found.further) == (first, further)


@pytest.mark.parametrize(
    ("quantity", "counted"), [(0, 0), (1, 60), (60, 60), (61, 66), (66, 66), (67, 72), (3600, 3600)]
)
def test_a_begun_step_counts_whole(quantity, counted):
    assert Rate("x", "voice", "home", 60, 6, Decimal(1), 60).counted(quantity) == counted


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        (
            VOICE.replace('"0.15"', "0.15"),
            '4: rates[1].price must be written in quotes, as in "0.15": decimals without quotes are not exact',
        ),
        (VOICE.replace('"0.15"', '"-1"'), '4: rates[1].price must be a price such as 1 or "0.0015", not "-1"'),
        (
            VOICE.replace('"60+1"', '"60+1+1"'),
            '3: rates[1].steps must be steps such as "60+60" or "6 s", not "60+1+1"',
        ),
        (VOICE.replace('"60+1"', '"0+1"'), '3: rates[1].steps must be steps such as "60+60" or "6 s", not "0+1"'),
        (VOICE.replace('"1 min"', '"1 MB"'), '5: rates[1].per must be a quantity such as "1 min", not "1 MB"'),
        (
            'id = "d"\nservice = "data"\nsteps = "1 kB"\nprice = 1\n',
            '0: rates[1] has no per: what the price is for, such as "1 MB"',
        ),
        (VOICE + 'zone = "roaming"\n', "0: rates[1].countries go with zone roaming, which needs them"),
        (VOICE + 'countries = ["HK"]\n', "6: rates[1].countries go with zone roaming, which needs them"),
        (
            VOICE + 'zone = "international"\n',
            "0: rates[1] has no prefixes: an international rate is for the numbers they begin",
        ),
        (
            'id = "d"\nservice = "data"\nsteps = "1 kB"\nprice = 1\nper = "1 MB"\nprefixes = ["+1"]\n',
            "0: rates[1] names numbers, but data is sent to none",
        ),
        (
            VOICE + 'zone = "roaming"\ncountries = ["XX"]\n',
            '7: rates[1].countries[1] must be an ISO 3166 country such as HK, not "XX"',
        ),
        (
            VOICE + 'periods = [\n  { name = "peak", from = "8:00", to = "20:00", price = 1 }\n]\n',
            '7: rates[1].periods[1].from must be a time of day such as 08:00, not "8:00"',
        ),
        (
            VOICE + 'periods = [\n  { name = "peak", from = "08:00", to = "08:00", price = 1 }\n]\n',
            "7: rates[1].periods[1].to must be another time than from, which is before 24:00",
        ),
        (VOICE + "[[rates]]\n" + VOICE.replace('"60+1"', '"1+1"'), '7: rates[2].id is "v" a second time'),
        (
            VOICE + "[[rates]]\n" + VOICE.replace('"v"', '"w"'),
            "6: rates[2] is for the same as v: only one of them can count",
        ),
        (VOICE.replace("price", "prise"), "4: rates[1].prise is unknown; did you mean price?"),
    ],
    ids=range(16),
)
def test_what_it_may_not_say(written, complaint):
    assert complaint in complaints(written)


def test_every_rate_of_the_chinese_example_is_stored_as_it_was():
    stored = CARRIERS["china"].document
    assert from_json(to_json(stored)).rates == stored.rates
    assert len(stored.rates) == 9


@pytest.mark.parametrize(
    ("service", "country", "called", "found"),
    [
        ("voice", "CN", "+8613900139000", "voice-home"),
        ("voice", "CN", "10086", "voice-home"),
        ("voice", "CN", "+14155550100", "voice-international"),
        ("voice", "CN", "+85291234567", "voice-hong-kong"),
        ("voice", "CN", "+33123456789", None),
        ("voice", "HK", "+8613900139000", "voice-roaming-hong-kong"),
        ("voice", "HK", "999", "voice-roaming-hong-kong"),
        ("voice", "FR", "+8613900139000", None),
        ("data", "CN", None, "data-home"),
        ("data", "MO", None, "data-roaming-hong-kong"),
        ("sms", "CN", "+6591234567", "sms-international"),
        ("sms", "HK", "+85291234567", None),
        ("mms", "CN", "+8613900139000", "mms-home"),
    ],
)
def test_the_rate_for_a_usage(service, country, called, found):
    rate = CHINA.find(service=service, country=country, called=called)
    assert (rate.id if rate else None) == found


def test_where_countries_share_a_code_home_names_its_prefixes():
    home = Rate("home", "voice", "home", 1, 1, Decimal(1), 1, prefixes=("+1345",))
    abroad = Rate("abroad", "voice", "international", 1, 1, Decimal(1), 1, prefixes=("+1",))
    book = RateBook((home, abroad), "KY")
    assert book.find(service="voice", country="KY", called="+13459161234") is home
    assert book.find(service="voice", country="KY", called="+14155550100") is abroad
    assert book.find(service="voice", country="KY", called="911") is home


PREFIXES = st.text("12", min_size=1, max_size=5).map("+".__add__)


@given(st.sets(PREFIXES, min_size=1, max_size=12), st.text("12", min_size=1, max_size=8).map("+".__add__))
def test_the_longest_prefix_wins(prefixes, called):
    rates = tuple(
        Rate(f"r{index}", "sms", "international", 1, 1, Decimal(1), 1, prefixes=(prefix,))
        for index, prefix in enumerate(sorted(prefixes))
    )
    found = RateBook(rates, "CN").find(service="sms", country="CN", called=called)
    longest = max((prefix for prefix in prefixes if called.startswith(prefix)), key=len, default=None)
    assert (found.prefixes[0] if found else None) == longest


@pytest.mark.parametrize(
    ("local", "holds"),
    [
        ("2026-01-02 21:59", False),  # a Friday
        ("2026-01-02 22:00", True),
        ("2026-01-03 05:59", True),
        ("2026-01-03 06:00", False),
        ("2026-01-03 22:00", False),
        ("2026-01-02 03:00", False),
    ],
)
def test_a_period_past_midnight_belongs_to_the_day_it_begins_on(local, holds):
    assert Period("off_peak", ("fri",), 22 * 60, 6 * 60, Decimal(1)).holds(datetime.fromisoformat(local)) is holds
