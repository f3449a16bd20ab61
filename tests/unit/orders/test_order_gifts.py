"""How a gift stands for who is to have it."""

from datetime import UTC, datetime

import pytest

from topup.orders.order_gifts import GiftStanding, OrderGift, gift_standing_words, standing_of
from topup.orders.states import OrderState
from topup.platform.i18n import LOCALES
from topup.shops.stock.gift_states import KEPT_BACK, GiftState


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("standing", GiftStanding)
def test_every_standing_is_said(locale, standing):
    until = datetime(2026, 12, 31, 16, tzinfo=UTC)
    for is_sent in (False, True):
        gift = OrderGift("mug", {}, 1, standing, "hall", {}, until, "Asia/Shanghai", is_sent=is_sent)
        assert gift_standing_words(gift, locale=locale)
        assert not (is_sent and gift.is_to_be_fetched)


@pytest.mark.parametrize("state", sorted(set(GiftState) - KEPT_BACK))
def test_what_was_decided_stands_whatever_becomes_of_the_order(state):
    assert len({standing_of(state, status, is_late=late) for status in OrderState for late in (True, False)}) == 1


@pytest.mark.parametrize("state", sorted(KEPT_BACK))
def test_what_is_kept_back_goes_with_the_order_before_that_is_noted_of_the_gift(state):
    of = {status: standing_of(state, status, is_late=False) for status in OrderState}
    assert of.pop(OrderState.DELIVERED) is GiftStanding.WAITS
    assert {status for status, found in of.items() if found is GiftStanding.IF_PAID} == {
        OrderState.QUOTED,
        OrderState.AWAITING_PAYMENT,
    }
    assert {status for status, found in of.items() if found is GiftStanding.ON_ARRIVAL} == {
        OrderState.PAID,
        OrderState.DELIVERING,
        OrderState.UNRESOLVED,
        OrderState.NEEDS_PERSON,
    }
    assert {status for status, found in of.items() if found is GiftStanding.NOT_GIVEN} == {
        OrderState.EXPIRED,
        OrderState.CANCELLED,
        OrderState.REFUNDING,
        OrderState.REFUNDED,
    }
    assert standing_of(state, OrderState.DELIVERED, is_late=True) is GiftStanding.LAPSED
