"""Looking for a place: by words, by what is done there, by what is open, by distance from roughly somewhere."""

from datetime import UTC, datetime
from math import isclose

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.places import EXAMPLE
from topup.kernel.errors import Invalid
from topup.shops.distance import Spot, metres, read_spot
from topup.shops.files import read_directory
from topup.shops.places import Directory
from topup.shops.queries import Wanted, look

READING = read_directory(EXAMPLE)
DIRECTORY = Directory(places=READING.places, services=READING.services or ())
NIGHT = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)  # two in the morning there
NOON = datetime(2026, 11, 23, 4, 30, tzinfo=UTC)


def ids(wanted, now=NOON):
    return [found.place.id for found in look(DIRECTORY, wanted, now)]


def test_without_a_wish_all_are_there():
    assert len(ids(Wanted())) == 5


@pytest.mark.parametrize("text", ["天河", "Tianhe", "天河 营业厅", "510620", "ＧＺ－０１０１"])
def test_words_find_a_place_in_any_language_and_what_is_near_it(text):
    found = look(DIRECTORY, Wanted(text), NOON)
    assert found[0].place.postcode == "510620"
    assert "orchard-hall" not in [one.place.id for one in found], "what is a thousand miles away is not near"
    assert all(one.distance_m is not None for one in found)


def test_words_that_name_nothing_find_nothing():
    assert ids(Wanted("Atlantis")) == []


def test_a_service_is_done_there():
    assert set(ids(Wanted(service="sim-replacement"))) == {"tianhe-hall", "yuexiu-hall"}
    assert ids(Wanted(service="haircut")) == []


def test_at_night_only_the_machine_is_open():
    assert ids(Wanted(open_now=True), NIGHT) == ["east-station-kiosk"]


def test_the_nearest_comes_first():
    found = look(DIRECTORY, Wanted(spot=Spot(23.13, 113.27)), NOON)
    distances = [one.distance_m for one in found]
    assert found[0].place.id == "yuexiu-hall"
    assert distances == sorted(distances)


def test_a_known_distance():
    """London to Paris, as the crow flies: 344 km."""
    paris = msgspec.structs.replace(DIRECTORY.places[0], latitude=48.8566, longitude=2.3522)
    assert isclose(metres(Spot(51.51, -0.13), paris), 344_000, rel_tol=0.005)


@given(st.floats(-90, 90), st.floats(-180, 180))
def test_where_somebody_is_is_known_to_a_kilometre_and_no_finer(latitude, longitude):
    spot = read_spot(repr(latitude), repr(longitude))
    assert abs(spot.latitude - latitude) <= 0.005 + 1e-9
    assert round(spot.latitude, 2) == spot.latitude
    assert round(spot.longitude, 2) == spot.longitude


@pytest.mark.parametrize(
    ("north", "east"), [("", "0"), ("x", "0"), ("nan", "0"), ("inf", "0"), ("91", "0"), ("0", "181")]
)
def test_what_is_no_place_on_earth_is_refused(north, east):
    with pytest.raises(Invalid, match="place_unreadable"):
        read_spot(north, east)


def test_more_is_never_shown_than_a_page_takes():
    [first, *_] = DIRECTORY.places
    many = Directory(places=(first,) * 500)
    assert len(look(many, Wanted(), NOON)) == 60
