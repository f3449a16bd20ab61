"""What is signed: quotes and receipts say afterwards what they said before, and nothing else."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from topup.kernel.errors import Conflict
from topup.kernel.ids import new_id
from topup.orders.queries import ReceiptRow
from topup.orders.quotes import StoredLine, StoredQuote, mark, opened, sign
from topup.orders.receipts import (
    parse_receipt_number,
    proven,
    receipt_number,
    receipt_year,
    shared,
    unshared,
    view,
)
from topup.orders.receipts import sign as sign_receipt
from topup.orders.views import ReceiptBody
from topup.platform.keys import CannotOpen, KeyRing

NOW = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def keys(tmp_path_factory) -> KeyRing:
    return KeyRing(Path(tmp_path_factory.mktemp("ring")) / "keys")


texts = st.text(max_size=30)
quotes = st.builds(
    StoredQuote,
    id=st.just(new_id("quote", 3)),
    currency=st.just("CNY"),
    grants=st.just([]),
    lines=st.lists(st.builds(StoredLine, st.sampled_from(["face", "tax"]), st.integers(0, 10**12), texts, st.just({}))),
    created_at=st.just(NOW),
    expires_at=st.just(NOW),
)


vouch = st.sampled_from([sign, mark])


@given(quote=quotes, vouch=vouch)
def test_a_signed_or_marked_quote_opens_as_it_was(keys, quote, vouch):
    body, kid, signature = vouch(quote, keys)
    assert opened(body, kid, signature, keys) == quote


@given(quote=quotes)
@settings(max_examples=5)
def test_a_marked_quote_opens_after_another_key_seals_and_not_with_another_house_s(tmp_path_factory, quote):
    house, other = tmp_path_factory.mktemp("house"), tmp_path_factory.mktemp("other")
    keys = KeyRing(house / "keys")
    body, kid, vouched = mark(quote, keys)
    keys.rotate("data")
    assert opened(body, kid, vouched, KeyRing(house / "keys")) == quote
    with pytest.raises(Conflict, match="quote_altered"):
        opened(body, kid, vouched, KeyRing(other / "keys"))


@given(quote=quotes, vouch=vouch, data=st.data())
def test_one_letter_changed_and_it_does_not_open(keys, quote, vouch, data):
    body, kid, signature = vouch(quote, keys)
    place = data.draw(st.integers(0, len(body) - 1))
    letter = data.draw(st.characters(codec="utf-8").filter(lambda one: one != body[place]))
    with pytest.raises(Conflict, match="quote_altered"):
        opened(body[:place] + letter + body[place + 1 :], kid, signature, keys)


@given(quote=quotes, method=st.sampled_from(["sandbox", "stripe", "unheard of"]))
def test_lines_and_total_of_a_method_tell_the_same_fee(quote, method):
    fee = sum(line.amount.amount_minor for line in quote.lines_for(method) if line.type == "payment_fee")
    assert quote.total_minor(method) == quote.base_minor + quote.fee_minor(method)
    assert fee == quote.fee_minor(method)


receipts = st.builds(
    ReceiptBody,
    number=st.just("2027-03-000001"),
    order_id=st.just(new_id("order", 3)),
    msisdn=st.just("+8613800138000"),
    country=st.just("CN"),
    currency=st.just("CNY"),
    total_minor=st.integers(1, 10**12),
    paid_at=st.just(NOW),
    delivered_at=st.just(NOW),
    lines=st.just([]),
    grants=st.just([]),
    payment_reference=texts,
    zone=st.just("Asia/Shanghai"),
)


def token_of(body: ReceiptBody, keys: KeyRing) -> tuple[str, str]:
    text = msgspec.json.encode(body).decode()
    kid, signature = sign_receipt(text, NOW, keys)
    row = ReceiptRow(3, body.order_id, 2027, 1, NOW, text, kid, signature)
    return view(row).verify_path.removeprefix("/verify/"), text


@given(receipt=receipts)
def test_a_receipts_token_proves_number_total_and_time_without_naming_the_line(keys, receipt):
    token, _ = token_of(receipt, keys)
    said = proven(token, keys)
    assert (said.number, said.total.amount_minor, said.issued_at) == (receipt.number, receipt.total_minor, NOW)
    assert said.masked_msisdn == "138 **** 8000"


@given(receipt=receipts, data=st.data())
def test_no_other_token_proves_something_else(keys, receipt, data):
    """Of the letters of base64 some only pad: a token that still proves anything proves the very same."""
    token, _ = token_of(receipt, keys)
    place = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.sampled_from("ABCXYZabcxyz0189-_=%"))
    said = proven(token[:place] + letter + token[place + 1 :], keys)
    assert said is None or said == proven(token, keys)


@given(st.text(max_size=2000))
def test_nonsense_proves_nothing(keys, text):
    assert proven(text, keys) is None


@given(lane=st.integers(0, 1023), year=st.integers(2000, 9999), number=st.integers(1, 2**31 - 1))
def test_a_receipts_number_reads_back(lane, year, number):
    assert parse_receipt_number(receipt_number(lane=lane, year=year, number=number)) == (lane, year, number)


@given(st.text(max_size=40))
def test_any_text_is_a_receipts_number_or_none(text):
    read = parse_receipt_number(text)
    assert read is None or all(isinstance(part, int) for part in read)


@pytest.mark.parametrize(("zone", "year"), [("Asia/Shanghai", 2027), ("UTC", 2026), ("America/Lima", 2026)])
def test_a_receipt_is_numbered_in_the_lines_own_year(zone, year):
    assert receipt_year(NOW, zone) == year


@given(st.text(alphabet="0123456789abcdefghjkmnpqrstvwxyz", min_size=26, max_size=26))
def test_a_shared_token_leads_back_and_opens_with_no_letter_changed(keys, letters):
    order = f"ord_{letters}"
    token = shared(order, keys)
    assert order not in token
    assert unshared(token, keys) == order
    with pytest.raises((CannotOpen, ValueError)):
        unshared(token[:30] + ("A" if token[30] != "A" else "B") + token[31:], keys)
