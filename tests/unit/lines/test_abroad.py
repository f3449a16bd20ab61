"""What a line can do outside its country, and what keeps it, as its carrier's file says."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

import topup.catalogue
from topup.catalogue.checking import check
from topup.catalogue.line_facts import LineFacts
from topup.catalogue.versions import CarrierVersion
from topup.kernel.money import Money
from topup.kernel.msisdn import parse_msisdn
from topup.lines.abroad import Restarting, abroad
from topup.lines.forecasts import LineForecast
from topup.lines.rules import ruling_of

NOW = datetime(2026, 5, 1, tzinfo=UTC)
ENDS = datetime(2026, 10, 28, tzinfo=UTC)
FILES = {
    file.stem: file
    for folder in (
        Path(topup.catalogue.__file__).parent / "demonstration",
        Path(__file__).parents[3] / "examples" / "carriers",
    )
    for file in folder.glob("*.toml")
}


def carrier_of(name: str) -> CarrierVersion:
    return CarrierVersion(name, 1, check(FILES[name]).document)


def forecast(carrier: CarrierVersion, **clocks: datetime) -> LineForecast:
    return LineForecast(
        msisdn=parse_msisdn("13800138000"),
        line_id="line",
        carrier_id=carrier.carrier_id,
        carrier_names={},
        kind="travel",
        status="active",
        state=LineFacts(ruling_of(carrier).rules.starts, NOW).state,
        since=NOW,
        reason=None,
        blocks=(),
        to_do=(),
        to_come=(),
        released_on=None,
        clocks=clocks,
        arrears=Money(0, carrier.currency),
        next_fee_at=None,
        zone=carrier.document.time_zone,
    )


def test_a_country_has_the_rates_and_the_packs_of_its_area_and_home_is_none() -> None:
    carrier = carrier_of("yunfan")
    found = abroad(forecast(carrier), carrier)
    japan, france = found.countries["JP"], found.countries["FR"]
    assert {service: rate.id for service, rate in japan.rates.items()} == {
        "voice": "voice-asia",
        "data": "data-asia",
        "sms": "sms-asia",
    }
    assert [pack.id for pack in japan.packs] == ["asia-5gb-10d"]
    assert sorted(france.rates) == ["data", "voice"], "no price is known of messages there"
    assert [pack.id for pack in france.packs] == ["europe-8gb-15d"]
    assert found.home not in found.countries
    assert "US" not in found.countries


def test_what_keeps_it_is_its_clocks_and_what_sets_them_anew() -> None:
    carrier = carrier_of("yunfan")
    (clock,) = abroad(forecast(carrier, number=ENDS), carrier).clocks
    assert clock.ends == ENDS
    assert clock.restarts == (Restarting("use", None), Restarting("topup", None)), "activation comes but once"


@pytest.mark.parametrize("name", FILES)
def test_of_every_carrier_something_can_be_said(name: str) -> None:
    carrier = carrier_of(name)
    found = abroad(forecast(carrier), carrier)
    for country in found.countries.values():
        assert country.rates
        assert all(rate.zone == "roaming" for rate in country.rates.values())
