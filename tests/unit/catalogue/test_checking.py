"""A carrier's file, or everything wrong in it by line; whatever the bytes, never a crash."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topup.catalogue.checking import LARGEST_FILE_BYTES, CatalogueMistakes, check, check_bytes
from topup.catalogue.demonstration import demonstration_files
from topup.catalogue.reading import Mistake

GOOD = {file.name: file.read_text(encoding="utf-8") for file in demonstration_files()}
SETTING = re.compile(r"^(\w+) = [^\[{]*$")
"""A line that holds one key and the whole of its value."""


def mistakes_in(content: str | bytes) -> list[Mistake]:
    raw = content.encode() if isinstance(content, str) else content
    with pytest.raises(CatalogueMistakes) as caught:
        check_bytes(raw, name="carrier.toml")
    return caught.value.mistakes


def complaint(raw: bytes) -> CatalogueMistakes | None:
    try:
        check_bytes(raw, name="carrier.toml")
    except CatalogueMistakes as found:
        return found
    return None


def read(raw: bytes) -> None:
    """Read; either it is a carrier, or there are mistakes with a file, a line of it, and a reason."""
    found = complaint(raw)
    if found is None:
        return
    assert found.mistakes
    for mistake in found.mistakes:
        assert mistake.file == "carrier.toml"
        assert 1 <= mistake.line <= raw.count(b"\n") + 1
        assert len(mistake.reason) > 10
        assert "\n" not in mistake.reason


@given(st.binary(max_size=200))
def test_any_bytes_are_a_carrier_or_mistakes(raw):
    read(raw)


@given(st.sampled_from(sorted(GOOD)), st.data())
def test_a_file_damaged_anywhere_is_a_carrier_or_mistakes(name, data):
    raw = GOOD[name].encode()
    start = data.draw(st.integers(0, len(raw)))
    length = data.draw(st.integers(0, 20))
    put = data.draw(st.one_of(st.binary(max_size=6), st.sampled_from([b'"', b"]", b"[[", b"{}", b"= 1.5", b"\n"])))
    read(raw[:start] + put + raw[start + length :])


@given(
    st.sampled_from(sorted(GOOD)), st.data(), st.sampled_from(["1979-05-27", "nan", "[[]]", "-1", '""', '"\\u0000"'])
)
def test_a_wrong_value_is_reported_on_its_line(name, data, wrong):
    lines = GOOD[name].split("\n")
    places = [index for index, line in enumerate(lines) if SETTING.match(line)]
    index = data.draw(st.sampled_from(places))
    key = SETTING.match(lines[index])[1]
    lines[index] = f"{key} = {wrong}"
    found = mistakes_in("\n".join(lines))
    assert [mistake.line for mistake in found] == [index + 1], found
    assert key in found[0].reason


@given(st.sampled_from(sorted(GOOD)), st.data())
def test_an_unknown_key_is_reported_on_its_line(name, data):
    lines = GOOD[name].split("\n")
    places = [index for index, line in enumerate(lines) if SETTING.match(line)]
    index = data.draw(st.sampled_from(places))
    lines.insert(index, "colour = 'blue'")
    found = mistakes_in("\n".join(lines))
    assert (found[0].line, len(found)) == (index + 1, 1)
    assert "colour is unknown" in found[0].reason


@given(st.sampled_from(sorted(GOOD)), st.data())
def test_of_several_mistakes_none_hides_another(name, data):
    lines = GOOD[name].split("\n")
    places = [index for index, line in enumerate(lines) if SETTING.match(line)]
    chosen = data.draw(st.sets(st.sampled_from(places), min_size=1, max_size=6))
    for index in chosen:
        lines[index] = f"{SETTING.match(lines[index])[1]} = 1979-05-27"
    assert [mistake.line for mistake in mistakes_in("\n".join(lines))] == [index + 1 for index in sorted(chosen)]


def test_a_syntax_error_is_reported_on_its_line():
    [mistake] = mistakes_in("id = 'a'\nnames = {\n")
    assert mistake.line == 2
    assert "not TOML" in mistake.reason


def test_text_that_is_not_utf_8_is_reported_on_its_line():
    [mistake] = mistakes_in("id = 'a'\nnames = '青峰'\n".encode("gb18030"))
    assert (mistake.line, mistake.reason) == (2, "the text is not UTF-8")


@pytest.mark.parametrize("value", ["9" * 5000, "[" * 5000])
def test_a_file_that_defeats_the_parser_is_one_mistake(value):
    [mistake] = mistakes_in(f"id = 'a'\nnames = {value}\n")
    assert mistake.line == 2


def test_line_ends_of_windows_and_a_byte_order_mark_change_nothing():
    plain = check_bytes(GOOD["qingfeng.toml"].encode(), name="a")
    edited = check_bytes(b"\xef\xbb\xbf" + GOOD["qingfeng.toml"].replace("\n", "\r\n").encode(), name="a")
    assert edited.document == plain.document


def test_a_missing_file_is_a_mistake(tmp_path):
    with pytest.raises(CatalogueMistakes, match=r"nowhere\.toml:1: the file cannot be read: No such file"):
        check(tmp_path / "nowhere.toml")


def test_a_directory_is_a_mistake(tmp_path):
    with pytest.raises(CatalogueMistakes, match="cannot be read"):
        check(tmp_path)


def test_a_huge_file_is_refused_without_being_read_whole(tmp_path):
    file = tmp_path / "huge.toml"
    file.write_bytes(b"#" * (LARGEST_FILE_BYTES + 1))
    with pytest.raises(CatalogueMistakes, match="larger than"):
        check(file)


def test_the_list_of_mistakes_is_bounded():
    assert len(mistakes_in("\n".join(f"k{index} = 1" for index in range(5000)))) == 200
