"""The check of the texts finds each kind of mistake, and finds none in ours."""

from pathlib import Path

import pytest

from tools.translations import LOCALES, mistakes

HEADER = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n\n'
GOOD = HEADER + 'msgid "a"\nmsgstr "Wait {seconds}"\n'


@pytest.fixture
def locale_dir(tmp_path: Path) -> Path:
    for locale in LOCALES:
        (tmp_path / "locale" / locale).mkdir(parents=True)
        (tmp_path / "locale" / locale / "web.po").write_text(GOOD)
    (tmp_path / "source").mkdir()
    return tmp_path / "locale"


def found(locale_dir: Path) -> list[str]:
    return [mistake.removeprefix(str(locale_dir)) for mistake in mistakes(locale_dir, locale_dir.parent / "source")]


def test_complete_texts_have_no_mistakes(locale_dir):
    assert found(locale_dir) == []


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        (HEADER, "/en/web.po: a: is missing"),
        (HEADER + 'msgid "a"\nmsgstr ""\n', "/en/web.po: a: is empty"),
        (HEADER + '#, fuzzy\nmsgid "a"\nmsgstr "Wait {seconds}"\n', "/en/web.po: a: is fuzzy"),
        (
            HEADER + 'msgid "a"\nmsgstr "Wait {minutes}"\n',
            "/zh_Hans/web.po: a: the languages have different parameters",
        ),
        (GOOD + '\nmsgid "b"\nmsgstr "more"\n', "/zh_Hans/web.po: b: is missing"),
        (GOOD + '\nmsgid "a"\nmsgstr "Wait {seconds}"\n', '/en/web.po: "a": stands there twice'),
        (GOOD + '\n#~ msgid "old"\n#~ msgstr "old"\n', "/en/web.po: old: obsolete text"),
        (HEADER + 'msgid "a"\nmsgstr "Wait {seconds"\n', "/en/web.po: a: has a broken parameter"),
        (HEADER + 'msgid "a"\nmsgstr "Wait {seconds.real}"\n', "/en/web.po: a: has a broken parameter"),
    ],
)
def test_a_mistake_is_named_with_its_file_and_id(locale_dir, text, mistake):
    (locale_dir / "en" / "web.po").write_text(text)
    assert any(line.startswith(mistake) for line in found(locale_dir)), found(locale_dir)


def test_a_missing_file_is_a_mistake(locale_dir):
    (locale_dir / "zh_Hant" / "web.po").unlink()
    assert found(locale_dir) == ["/zh_Hant/web.po: the file is missing"]


def test_a_problem_says_what_to_do(locale_dir):
    for locale in LOCALES:
        (locale_dir / locale / "problems.po").write_text(GOOD)
    assert "/en/problems.po: a: does not say what to do (a.do)" in found(locale_dir)


def test_a_problem_that_is_raised_has_words(locale_dir):
    source = locale_dir.parent / "source" / "room.py"
    source.write_text(
        'class Strange(Conflict): ...\nraise Invalid("a")\nraise Strange("no_words")\n'
        'raise errors.NotFound("nor_here")\n'
    )
    codes = [mistake.split(": ")[1] for mistake in found(locale_dir)]
    assert codes == ["no_words", "nor_here"]
