"""Every key that is named on a page of the counter leads somewhere, and the guide tells of it."""

import re
from pathlib import Path

import pytest

from topup.channels import counter

HERE = Path(counter.__file__).parent
GUIDE = Path(__file__).parents[3] / "docs/guides/counter.md"
PAGES = [page.read_text(encoding="utf-8") for page in HERE.glob("templates/*.html")]
NAMED = sorted({key for page in PAGES for key in re.findall(r"[\">](F\d+)[\"<]", page)})


def test_the_pages_name_keys():
    assert {*NAMED} == {"F2", "F4", "F6", "F7", "F8", "F9", "F10"}


@pytest.mark.parametrize("key", NAMED)
def test_a_key_that_is_named_is_listened_to_and_in_the_guide(key):
    script = (HERE / "static/counter.js").read_text(encoding="utf-8")
    listened = re.compile(re.search(r"!/(\^F\([\d|]+\)\$)/\.test\(event\.key\)", script)[1])
    assert listened.fullmatch(key)
    assert f"| {key} |" in GUIDE.read_text(encoding="utf-8")
