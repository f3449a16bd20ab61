"""What the search box takes for a document: real ones only, and never the number of a SIM card."""

import pytest

from tests.support import cards
from topup.channels.counter.recognising import as_document


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("11010519491231002X", ["resident_card"]),
        ("110105 19491231 002x", ["resident_card"]),
        ("E12345678", ["passport", "other"]),
        ("110105194912310021", []),
        ("110105194913310021", []),
        ("898600000000002993", []),
        ("13800000000", []),
        ("", []),
    ],
    ids=["known", "typed", "passport", "mistyped", "no such day", "no such region", "number", "nothing"],
)
def test_a_document_is_known_by_its_form(text, kinds):
    assert [one.document for one in as_document(text)] == kinds


def test_no_card_is_taken_for_a_document_however_it_is_read():
    for number in range(3000):
        card = cards.iccid(number)
        texts = (card.digits, card.grouped(), card.digits[:-1], f"{card.digits}F", cards.imsi_of(card).digits)
        assert [as_document(text) for text in texts] == [[]] * len(texts)
    # An issuer whose digits go on like a day of birth: the region is what tells them apart.
    for serial in range(200):
        assert as_document(f"8986011990010{serial:05d}") == []
