"""What a form may say, and where a form may send its reader."""

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topup.channels.web.forms import Form, local_path, read_choice
from topup.kernel.errors import Invalid
from topup.kernel.money import Money


def choose(**fields: str):
    return read_choice(Form({name: [value] for name, value in fields.items()}), currency="CNY")


def test_a_tile_is_an_amount_or_a_pack():
    assert choose(choice="credit:5000").amount == Money(5000, "CNY")
    assert choose(choice="pack:data-1gb-7d").product == "data-1gb-7d"
    assert not choose().made


@pytest.mark.parametrize(
    ("typed", "minor"),
    [
        ("50", 5000),
        ("48.5", 4850),
        (" ¥48.50 ", 4850),
        ("４８．５", 4850),
        ("48元", 4800),
        ("50 CNY", 5000),
        ("1,000", 100_000),
        ("１，０００．５元", 100_050),
    ],
)
def test_an_amount_is_read_as_people_write_it(typed, minor):
    assert choose(choice="free", amount=typed).amount == Money(minor, "CNY")
    assert choose(amount=typed).amount == Money(minor, "CNY"), "a typed amount counts without its radio button"


@pytest.mark.parametrize(
    "typed",
    ["0", "-5", "1e3x", "5.001", "五十", "NaN", "Infinity", "1_000", "+5", "9" * 20, ".", "48,50", "1,00", "1,0000"],
)
def test_an_amount_that_is_none_is_refused(typed):
    with pytest.raises(Invalid, match="amount_unreadable"):
        choose(choice="free", amount=typed)


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_text_is_more_than_refused(choice, amount):
    try:
        chosen = choose(choice=choice.strip(), amount=amount.strip())
    except Invalid:
        return
    assert chosen.amount is None or chosen.amount.amount_minor >= 0
    assert chosen.product is None or chosen.amount is None


@given(
    st.one_of(
        st.text(max_size=60),
        st.builds(
            "".join,
            st.lists(st.sampled_from(["/", "\\", "//", "evil.example", "http:", "@", "?", "#", "a", "\t", "%2f"])),
        ),
    )
)
def test_nobody_is_sent_elsewhere(text):
    path = local_path(text)
    parts = urlsplit(path)
    assert path.startswith("/")
    assert not path.startswith(("//", "/\\"))
    assert (parts.scheme, parts.netloc) == ("", "")


def test_a_path_of_ours_is_kept():
    assert local_path("/orders/ord_1?trouble=x") == "/orders/ord_1"
