"""The line of every key and element, for any valid TOML."""

import tomllib

from hypothesis import example, given
from hypothesis import strategies as st

from topup.catalogue.positions import positions

TRICKY = st.sampled_from([
    '"plain"', '"a # no comment"', '"[x] = {y}"', r'"\" \\"', "'''a\nb'''", '"""a\n"b" ""\n\\" """', '"""x"""""',
    "'C:\\'", "'''it's'''''", '""', "''", '""""""', "1979-05-27 07:32:00", "-1_000", "0xff", "inf", "true", "3.5e1",
    "[]", "{}", "[ # here\n]", "[\n 1, # one\n [2],\n]", "{ 'a b' . c = [1,\n2], d = '''\n\n''' }",
])  # fmt: skip
BETWEEN = st.sampled_from(["", "\n", "# [a] = 'x'\n", "   \n\t\n", "\r\n"])


@st.composite
def documents(draw) -> str:
    """A valid file whose keys are all different words, so that each word says by itself where it stands."""
    count = iter(range(1000))

    def key() -> str:
        word = f"word{next(count)}end"
        return draw(st.sampled_from([word, f'"{word}"', f"'{word}'"]))

    def value(depth: int) -> str:
        if depth == 0 or draw(st.booleans()):
            return draw(TRICKY)
        if draw(st.booleans()):
            items = [value(depth - 1) for _ in range(draw(st.integers(0, 3)))]
            gap = draw(st.sampled_from([" ", "\n", "\n# ]\n"]))
            return "[" + gap + ("," + gap).join(items) + gap + "]"
        pairs = [f"{key()} = {value(depth - 1)}" for _ in range(draw(st.integers(0, 3)))]
        return "{ " + ", ".join(pairs) + " }"

    def pairs() -> str:
        lines = []
        for _ in range(draw(st.integers(0, 4))):
            dotted = " . ".join(key() for _ in range(draw(st.integers(1, 3))))
            lines.append(f"{draw(BETWEEN)}  {dotted} = {value(2)} # {{\n")
        return "".join(lines)

    text = pairs()
    for _ in range(draw(st.integers(0, 4))):
        name = ".".join(key() for _ in range(draw(st.integers(1, 2))))
        if draw(st.booleans()):
            text += f"{draw(BETWEEN)}[ {name} ]\n{pairs()}"
        else:
            text += "".join(f"{draw(BETWEEN)}[[{name}]] # again\n{pairs()}" for _ in range(draw(st.integers(1, 3))))
    return text


def paths(value: object, path: tuple = ()) -> set:
    found = {path}
    if isinstance(value, dict):
        found |= {below for key, inner in value.items() for below in paths(inner, (*path, key))}
    if isinstance(value, list):
        found |= {below for index, inner in enumerate(value) for below in paths(inner, (*path, index))}
    return found


@given(documents())
def test_every_place_of_the_content_has_a_position_and_nothing_else_has(text):
    assert set(positions(text)) == paths(tomllib.loads(text))


@given(documents())
def test_each_key_stands_on_the_line_where_its_word_is_written(text):
    lines = text.split("\n")
    for path, line in positions(text).items():
        if path and isinstance(path[-1], str) and path[-1].startswith("word"):
            written = [number for number, words in enumerate(lines, 1) if path[-1] in words]
            assert line == written[0]


@given(st.lists(st.sampled_from(["", "\n", "# ]\n", "\n\n  "]), min_size=1, max_size=12))
def test_each_element_stands_where_it_begins(gaps):
    text = "key = [" + ",".join(f"{gap}'item{index}.'" for index, gap in enumerate(gaps)) + "\n]"
    lines = text.split("\n")
    for index in range(len(gaps)):
        assert f"'item{index}.'" in lines[positions(text)["key", index] - 1]


@given(st.text(alphabet="ab.=[]{}\"'\\# \n,1-", max_size=40))
@example('a="""x"""""\nb=1')
@example("a='''x'''''\nb=1")
@example('"a\\"b"=1')
@example("[[a]]\n[a.b]\n[[a]]\n[a.b]\nc=1")
def test_whatever_the_parser_takes_has_positions(text):
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    assert set(positions(text)) == paths(content)
