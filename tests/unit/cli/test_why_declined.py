"""An order that waits after a declined payment says why on the terminal; one that goes on says nothing of it."""

import pytest

from tests.unit.orders.test_declines import declined
from tests.unit.web.test_progress import an_order
from topup.channels.cli import screen
from topup.channels.cli.rendering import order_details, order_json
from topup.channels.web.following import why_declined_last
from topup.channels.web.tracking import masked_page
from topup.channels.web.wording import Wording
from topup.orders.declines import GENERAL
from topup.payments.ports import Decline
from topup.platform.i18n import translate


def waiting(*reasons):
    payments = tuple(declined(reason) for reason in reasons)
    return an_order("awaiting_payment", next_step="payment_declined", payments=payments)


@pytest.fixture
def shown(monkeypatch):
    console = screen.Screen(width=120, force_terminal=False, soft_wrap=True, color_system=None)
    monkeypatch.setattr(screen, "out", console)

    def show(order) -> str:
        with console.capture() as capture:
            screen.show(order_details(order))
        return capture.get()

    return show


def sentence(code):
    return [translate(locale, "problems", code) for locale in ("zh_Hans", "zh_Hant", "en")]


def test_the_last_decline_is_told(shown):
    order = waiting(Decline.EXPIRED, Decline.FUNDS)
    said = shown(order)
    assert any(text in said for text in sentence("declined_funds"))
    assert not any(text in said for text in sentence("declined_card_expired"))
    assert [payment["reason"] for payment in order_json(order)["payments"]] == [Decline.EXPIRED, Decline.FUNDS]
    assert why_declined_last(order, Wording("en")).title == translate("en", "problems", "declined_funds")


def test_that_it_was_declined_is_not_told_twice(shown):
    order = waiting(GENERAL)
    assert not any(text in shown(order) for text in sentence(GENERAL))
    assert why_declined_last(order, Wording("en")) is None


def test_a_stranger_is_not_told_why():
    assert masked_page(waiting(Decline.FUNDS), Wording("en")).trouble is None
