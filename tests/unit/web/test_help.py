"""The pages of help: every text is there and asked for, answers are found in any language, pictures hold all."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topup.care.states import TicketState, Topic
from topup.channels.web import helping
from topup.channels.web.helping.drawing import HEIGHT, WIDTH, Dot, map_sheet
from topup.channels.web.helping.index import ANSWERS, fitting
from topup.platform.i18n import LOCALES, catalogue

CODE = Path(helping.__file__).parent
TEMPLATES = CODE.parent / "templates" / "help"


def test_every_text_that_is_asked_for_exists_and_every_text_is_asked_for():
    sources = "".join(path.read_text() for path in [*TEMPLATES.glob("*.html"), *CODE.glob("*.py")])
    known = set(catalogue("zh_Hans", "help"))
    asked = set(re.findall(r"""\b(?:h|say)\(\s*["']([a-z_]+)["']""", sources))
    asked = {name for name in asked if not name.endswith("_")}
    assert asked - known == set()
    made = {name for name in known if re.match(r"(answer|act|kind|ask_text)_|\w+_about$|\w+_arrived(_title)?$", name)}
    ways = {"not_arrived", "no_network", "official", "shops", "times", "write_us", "wrong_number", "refund"}
    assert known - asked - made - ways == set()


@pytest.mark.parametrize("locale", LOCALES)
def test_every_ticket_has_its_words(locale):
    texts = set(catalogue(locale, "care"))
    wanted = {f"topic.{topic.value}" for topic in Topic}
    wanted |= {f"ticket.{state.value}{end}" for state in TicketState for end in ("", ".more")}
    assert wanted - texts == set()
    named = set(catalogue(locale, "console"))
    assert {f"kind.ticket_{topic.value}{end}" for topic in Topic for end in ("", ".help")} - named == set()


@pytest.mark.parametrize("template", sorted(TEMPLATES.glob("*.html")), ids=lambda path: path.name)
def test_a_strict_policy_finds_nothing_to_forbid(template):
    html = template.read_text()
    assert not re.search(r"\bstyle\s*=|<style|\bon[a-z]+\s*=|javascript:|hx-on", html)
    assert not re.search(r"<script(?![^>]*\bsrc=)", html)


@pytest.mark.parametrize(
    ("wish", "answer"),
    [
        ("退款要多久", "money_back"),
        ("充错号码了", "wrong_number"),
        ("儲錯號碼", "wrong_number"),
        ("wrong number", "wrong_number"),
        ("refund", "money_back"),
        ("收据", "receipt"),
        ("invoice", "receipt"),
        ("漫游", "abroad"),
        ("roaming", "abroad"),
        ("诈骗", "safety"),
        ("手续费", "fees"),
        ("scratch card", "voucher"),
        ("字太小", "large_text"),
        ("停机", "blocked"),
        ("13800138000 refund 2026", "money_back"),
    ],
)
def test_an_answer_is_found_by_the_words_people_use(wish, answer):
    assert answer in fitting(wish)[:2]


@pytest.mark.parametrize("wish", ["", "xyzzy", "!!!", "量子力学", "13800138000"])
def test_what_is_not_here_finds_nothing(wish):
    assert fitting(wish) == []


@given(st.text(max_size=200))
def test_any_wish_finds_few_answers_or_none(wish):
    found = fitting(wish)
    assert len(found) <= 6
    assert set(found) <= set(ANSWERS)


COORDINATES = st.tuples(st.floats(-85, 85), st.floats(-179, 179))


@given(st.lists(COORDINATES, max_size=8), st.none() | COORDINATES)
def test_all_that_a_map_shows_lies_in_it(points, here):
    dots = [Dot(number, *point, open=True) for number, point in enumerate(points, 1)]
    sheet = map_sheet(dots, here)
    if sheet is None:
        return
    places = [(dot.x, dot.y) for dot in sheet.dots] + ([sheet.here] if sheet.here else [])
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in places)
    assert 0 < sheet.scale <= WIDTH


def test_north_is_up_and_east_is_right():
    sheet = map_sheet([Dot(1, 23.2, 113.2, open=True), Dot(2, 23.1, 113.4, open=True)], None)
    first, second = sheet.dots
    assert first.y < second.y
    assert first.x < second.x


def test_what_is_far_away_is_left_out():
    dots = [Dot(1, 23.1, 113.2, open=True), Dot(2, 23.2, 113.3, open=True), Dot(3, 1.3, 103.8, open=True)]
    assert [dot.number for dot in map_sheet(dots, None).dots] == [1, 2]
