"""A file of places: what is wrong is named by its line, and hinders no other place."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import topup.shops
from tests.support.places import CSV, EXAMPLE, PLACE
from topup.kernel.errors import Invalid
from topup.shops.files import UnreadableFile, read_directory
from topup.shops.places import Directory
from topup.shops.queries import by_code, by_name

DEMONSTRATION = Path(topup.shops.__file__).parent / "demonstration.toml"


def read(tmp_path, text, name="shops.toml"):
    file = tmp_path / name
    file.write_text(text)
    return read_directory(file)


def test_the_example_is_without_mistakes():
    reading = read_directory(EXAMPLE)
    assert reading.bad == []
    assert len(reading.places) == 5
    assert EXAMPLE.read_bytes() == DEMONSTRATION.read_bytes()


def test_every_text_of_the_example_is_in_all_languages():
    reading = read_directory(EXAMPLE)
    texts = [t for p in reading.places for t in (p.names, p.areas, p.addresses, p.note) if t]
    texts += [service.names for service in reading.services or ()]
    assert all(set(one) == {"zh_Hans", "zh_Hant", "en"} for one in texts)


@pytest.mark.parametrize(
    ("line", "code", "field"),
    [
        ('kind = "castle"', "shop_field_wrong", "kind"),
        ('time_zone = "Asia/Nowhere"', "shop_field_wrong", "time_zone"),
        ("latitude = 91", "shop_field_wrong", "latitude"),
        ("latitude = nan", "shop_field_wrong", "latitude"),
        ("longitude = true", "shop_field_wrong", "longitude"),
        ('hours = ["sometimes"]', "shop_field_wrong", "hours"),
        ('hours = "Mon 09:00-10:00"', "shop_field_wrong", "hours"),
        ('name = { en = "only English" }', "shop_field_wrong", "name"),
        ('id = "Not An Id"', "shop_field_wrong", "id"),
        ('address = ""', "shop_field_missing", "address"),
        ('colour = "green"', "shop_field_unknown", "colour"),
        ('special = { "soon" = "closed" }', "shop_field_wrong", "special"),
    ],
)
def test_a_wrong_field_is_named_with_its_place_and_line(tmp_path, line, code, field):
    name = line.partition(" ")[0]
    wrong = "".join(f"{row}\n" for row in PLACE.format(id="bad").splitlines() if not row.startswith(name)) + line + "\n"
    reading = read(tmp_path, PLACE.format(id="good") + wrong)
    assert [place.id for place in reading.places] == ["good"]
    [bad] = reading.bad
    assert (bad.code, bad.parameters) == (code, {"field": field})
    assert bad.line == PLACE.count("\n") + 2


def test_a_service_that_nobody_described_is_refused(tmp_path):
    text = '[[service]]\nid = "known"\nname = "k"\n' + PLACE.format(id="a") + 'services = ["unknown"]\n'
    [bad] = read(tmp_path, text).bad
    assert (bad.code, bad.parameters) == ("shop_service_unknown", {"service": "unknown"})


def test_a_place_is_named_once(tmp_path):
    reading = read(tmp_path, PLACE.format(id="twice") * 2)
    assert len(reading.places) == 1
    assert [bad.code for bad in reading.bad] == ["shop_repeated"]


@pytest.mark.parametrize("text", ["[[service]]\nid = 'x'\n", "[ours]\nsites = 'x'\n", "[ours]\nmine = []\n"])
def test_services_and_addresses_are_whole_or_not_at_all(tmp_path, text):
    with pytest.raises(Invalid) as refusal:
        read(tmp_path, text)
    assert refusal.value.parameters["line"] == 1


@pytest.mark.parametrize(
    ("text", "name"), [("x = [", "a.toml"), ("[shop]", "a.toml"), ("", "a.txt"), ('id\n"x', "a.csv")]
)
def test_a_file_that_is_none_is_refused(tmp_path, text, name):
    with pytest.raises(UnreadableFile):
        read(tmp_path, text, name)


def test_no_file_is_told(tmp_path):
    with pytest.raises(UnreadableFile) as refusal:
        read_directory(tmp_path / "none.toml")
    assert refusal.value.code == "shops_file_missing"


def test_a_table_says_the_same_as_a_file_of_toml(tmp_path):
    reading = read(tmp_path, CSV, "places.csv")
    [place] = reading.places
    assert place.services == ("top-up", "esim")
    assert place.special == {"2026-12-31": ()}
    assert place.step_free
    assert len(place.week[5]) == 1
    assert [(bad.id, bad.line, bad.parameters) for bad in reading.bad] == [("two", 3, {"field": "latitude"})]
    assert reading.services is None
    assert reading.ours is None


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=200))
def test_any_text_is_a_file_or_is_refused(tmp_path_factory, text):
    file = tmp_path_factory.mktemp("shops") / "any.csv"
    file.write_text(text, newline="")
    try:
        assert read_directory(file).places == ()
    except UnreadableFile:
        return


@pytest.mark.parametrize("typed", ["GZ-0101", "gz0101", " GZ-0101 ", "ｇｚ－０１０１"])
def test_a_code_is_known_however_it_is_typed(typed):
    reading = read_directory(EXAMPLE)
    found = by_code(Directory(places=reading.places), typed)
    assert found is not None
    assert found.id == "tianhe-hall"


def test_a_name_is_known_in_any_language():
    directory = Directory(places=read_directory(EXAMPLE).places)
    assert [by_name(directory, name)[0].id for name in ("天河营业厅", "天河營業廳", "tianhe hall")] == [
        "tianhe-hall"
    ] * 3
    assert by_name(directory, "Tianhe") == []
