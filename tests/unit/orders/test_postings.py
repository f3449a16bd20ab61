"""Where an order's money goes: whatever the price, nothing of it stays in suspense."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from topup.catalogue.pricing import Grant
from topup.catalogue.validity import Validity
from topup.fulfilment.own import credits_of
from topup.kernel.ids import new_id
from topup.ledger import Credit, Transfer
from topup.orders.postings import EXCHANGE, divided, reversed_
from topup.orders.queries import Order
from topup.orders.quotes import StoredLine, StoredQuote
from topup.payments.ports import Scene
from topup.payments.postings import SUSPENSE
from topup.payments.queries import Payment

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
NEVER = Validity(usable_until=None, days=None, ends="exact", policy="separate", zone="Asia/Shanghai")
LANE = 3
LINE = new_id("line", LANE)
ORDER_ID = new_id("order", LANE)

amounts = st.integers(0, 10**9)


@st.composite
def prices(draw):
    """A quote's lines and grants: a face value of which a fee was taken, perhaps a bonus, a pack, a tax, a discount."""
    face, fee, tax = draw(st.integers(1, 10**9)), draw(amounts), draw(amounts)
    discount = draw(st.integers(0, face))
    rows = [("face", face), ("product_fee", fee), ("tax", tax), ("discount", -discount)]
    grants = []
    for kind, asset in draw(
        st.lists(st.sampled_from([("main", "CNY"), ("bonus", "CNY"), ("data", "DATA")]), max_size=4)
    ):
        amount = draw(st.integers(1, 2 * face))
        grants.append(Grant(len(grants), asset, amount, kind, "", 100, NEVER, {"id": "never", "inputs": {}}))
    total = sum(amount for _, amount in rows)
    quote = StoredQuote(
        id=new_id("quote", LANE),
        msisdn="+8613800138000",
        country="CN",
        carrier_id="qingfeng",
        catalogue_version=1,
        names={},
        zone="Asia/Shanghai",
        network="own",
        line_id=None,
        product=None,
        carrier_product="credit",
        currency="CNY",
        face_minor=face + fee,
        base_minor=total,
        lines=[StoredLine(kind, amount, "label", {}) for kind, amount in rows if amount],
        grants=grants,
        fees={},
        method=None,
        large_amount=False,
        duplicate_window_s=600,
        created_at=NOW,
        expires_at=NOW + timedelta(minutes=15),
    )
    return quote, total


def order(quote: StoredQuote) -> Order:
    return Order(
        lane=LANE,
        id=ORDER_ID,
        quote_id=quote.id,
        msisdn=quote.msisdn,
        carrier_id=quote.carrier_id,
        currency=quote.currency,
        face_minor=quote.face_minor,
        state="paid",
        created_at=NOW,
        expires_at=NOW,
        closed_at=None,
        kept_payment_id=None,
        contact_id=None,
        locale="en",
    )


def payment(quote: StoredQuote, fee: int, paid: tuple[int, str] | None = None) -> Payment:
    """What paid the quote with a fee: the price, or `paid` in another currency."""
    amount, currency = paid or (quote.base_minor + fee, quote.currency)
    number = new_id("payment", LANE)
    return Payment(LANE, number, ORDER_ID, "scripted", Scene.PHONE, amount, currency, fee, "paid", None, NOW, NOW, 0)


def moved(items) -> Counter:
    """What each account has after these items, by (account, asset)."""
    balances: Counter = Counter()
    for item in items:
        assert item.amount > 0
        match item:
            case Transfer():
                balances[item.debit_code, item.asset] -= item.amount
                balances[item.credit_code, item.asset] += item.amount
            case Credit():
                balances[item.from_code, item.asset] -= item.amount
                balances["line", item.asset] += item.amount
    return balances


@given(prices(), amounts)
def test_what_was_paid_leaves_suspense_whole_when_the_own_network_delivers(price, fee):
    quote, total = price
    items = divided(order(quote), quote, payment=payment(quote, fee), carrier=None)
    grants = credits_of(order_id=ORDER_ID, lane=LANE, line_id=LINE, grants=quote.grants, paid_from=SUSPENSE, now=NOW)
    balances = moved([*items, *grants])
    assert balances[SUSPENSE, "CNY"] == -(total + fee)
    for grant in quote.grants:
        assert balances["line", grant.asset] >= grant.amount
    assert balances["line", "CNY"] == sum(grant.amount for grant in quote.grants if grant.asset == "CNY")


@given(prices(), amounts)
def test_and_when_another_carrier_does(price, fee):
    quote, total = price
    balances = moved(divided(order(quote), quote, payment=payment(quote, fee), carrier="external_demo"))
    assert balances[SUSPENSE, "CNY"] == -(total + fee)
    assert balances["payable:external_demo", "CNY"] == quote.delivered_minor


@given(prices(), amounts, st.integers(1, 10**9))
def test_what_was_paid_in_another_currency_is_exchanged_whole(price, fee, paid):
    quote, total = price
    quote = msgspec.structs.replace(quote, fees={"scripted": fee})
    by = payment(quote, fee, (paid, "JPY"))
    balances = moved(divided(order(quote), quote, payment=by, carrier="external_demo"))
    assert balances[SUSPENSE, "JPY"] == -paid
    assert balances[EXCHANGE, "JPY"] == paid
    assert balances[EXCHANGE, "CNY"] == -(total + fee)
    assert not balances[SUSPENSE, "CNY"], "the price came from the exchange, and went where it belongs"


@given(prices(), amounts)
def test_a_reversal_undoes_every_entry_under_keys_of_its_own(price, fee):
    quote, _ = price
    items = divided(order(quote), quote, payment=payment(quote, fee, (7, "USD")), carrier="external_demo")
    back = reversed_(items)
    assert not any(moved([*items, *back]).values())
    keys = [item.key for item in [*items, *back]]
    assert len(set(keys)) == len(keys)


@given(prices())
def test_every_grant_has_a_key_of_its_own(price):
    quote, _ = price
    grants = credits_of(order_id=ORDER_ID, lane=LANE, line_id=LINE, grants=quote.grants, paid_from=SUSPENSE, now=NOW)
    assert [item.key for item in grants] == [f"{ORDER_ID}:grant:{grant.index}" for grant in quote.grants]
