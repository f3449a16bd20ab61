"""How long ago an order came to its state is counted from its own steps."""

from dataclasses import replace
from datetime import timedelta

from tests.unit.web.test_progress import START, an_order
from topup.care.facts import CARRIER_SHOWS, network_value
from topup.orders.states import Cause
from topup.orders.views import TimelineEntry


def test_money_given_back_makes_no_top_up_fresh_again():
    order = an_order("awaiting_payment", "paid", "delivering", "delivered")
    sent = replace(order.timeline[2], cause=Cause.SENT_TO_CARRIER.value)
    later = START + CARRIER_SHOWS + timedelta(minutes=1)
    given = TimelineEntry("delivered", later, Cause.GIVEN_BACK.value)
    order = replace(order, timeline=(*order.timeline[:2], sent, order.timeline[3], given))
    assert network_value(order, START + timedelta(minutes=5)) == "other_fresh"
    assert network_value(order, later) == "other"
