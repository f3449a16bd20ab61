"""What staff gave back of a top-up that arrived is told on the terminal, and in the list of what one ordered; and what
will not come is not promised.
"""

import pytest

from tests.unit.web.test_progress import START, an_order, given_back
from topup.channels.cli import screen
from topup.channels.cli.rendering import order_details
from topup.channels.web.history.listing import row_of
from topup.channels.web.wording import Wording
from topup.orders.chronicle import Chapter
from topup.orders.wording import given_back_words
from topup.platform.i18n import LOCALES, translate

YOU_GET, WAS_ORDERED = "price.you_get", "order.what"


@pytest.fixture
def order():
    way = ("awaiting_payment", "paid", "delivering", "delivered")
    return an_order(*way, next_step="delivered_refunding", payments=(given_back("went_back", "going_back"),))


@pytest.fixture
def terminal(monkeypatch):
    console = screen.Screen(width=120, force_terminal=False, soft_wrap=True, color_system=None)
    monkeypatch.setattr(screen, "out", console)

    def show(order) -> str:
        with console.capture() as capture:
            screen.show(order_details(order))
        return capture.get()

    return show


def test_the_terminal_says_what_goes_back_and_what_went(order, terminal):
    said = terminal(order)
    assert any(all(words in said for words in given_back_words(order, locale=locale)) for locale in LOCALES)
    assert any(translate(locale, "orders", "next.delivered_refunding") in said for locale in LOCALES)


@pytest.mark.parametrize(
    ("status", "label"),
    [("awaiting_payment", YOU_GET), ("refunded", WAS_ORDERED), ("cancelled", ""), ("expired", "")],
)
def test_the_terminal_promises_nothing_that_will_not_come(status, label, terminal):
    said = terminal(an_order("awaiting_payment", status))
    labels = {name: any(translate(one, "cli", name) in said for one in LOCALES) for name in (YOU_GET, WAS_ORDERED)}
    assert labels == {YOU_GET: label == YOU_GET, WAS_ORDERED: label == WAS_ORDERED}
    assert ("50.00" in said) == bool(label)


@pytest.mark.parametrize("locale", LOCALES)
def test_the_list_says_it_to_who_paid_and_to_nobody_else(order, locale):
    own, anothers = (Chapter(order, own, "", "token") for own in (True, False))
    wording = Wording(locale)
    shown = row_of(own, {}, wording, None, START)
    first, second = given_back_words(order, locale=locale)
    assert (first in shown.note, second in shown.note) == (True, True)
    assert "10.0" not in row_of(anothers, {}, wording, None, START).note
