"""The sentence a clerk says aloud has amounts as people count them."""

import pytest

from topup.catalogue.storefront import Offer, OfferKind
from topup.channels.counter.offering import to_say
from topup.channels.counter.wording import Wording
from topup.kernel.money import Money
from topup.orders.recommending import Advice


@pytest.mark.parametrize(
    ("asset", "why", "monthly", "said"),
    [
        ("DATA", "data", 8_029_416_231, "about 7.4 GB data a month"),
        ("DATA", "data_most", 380_000_000, "about 380 MB data a month"),
        ("CNY", "money", 3550, "about CN¥35.50 a month"),
    ],
)
def test_what_was_used_is_said_roughly(asset, why, monthly, said):
    offer = Offer(OfferKind.CREDIT, None, Money(5000, "CNY"), None, None, ())
    sentence = to_say(Advice("credit:5000", why, asset, monthly), [offer], Wording("en", "UTC"))
    assert said in sentence
