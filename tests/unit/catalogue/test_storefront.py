"""What is on offer, in words that exist in every language."""

import re
from io import BytesIO
from pathlib import Path
from typing import get_args

import pytest
from babel.messages.pofile import read_po
from hypothesis import given
from hypothesis import strategies as st

import topup
from topup.catalogue.checking import check
from topup.catalogue.demonstration import demonstration_files
from topup.catalogue.grant_rules import LANGUAGES, GrantRule, Policy, ValidityRule
from topup.catalogue.life_cycle_rules import TermTier
from topup.catalogue.quantities import amount_text
from topup.catalogue.storefront import OfferKind, grant_text, products_for
from topup.catalogue.terms import Term
from topup.catalogue.versions import CarrierVersion
from topup.platform.i18n import has_text

ROOM = Path(topup.__file__).parent
CARRIERS = [CarrierVersion(found.document.id, 1, found.document) for found in map(check, demonstration_files())]
TEXTS = {
    language: {
        str(message.id): str(message.string)
        for message in read_po(BytesIO((ROOM / "locale" / language / "catalogue.po").read_bytes()))
        if message.id
    }
    for language in LANGUAGES
}
UNITS = {"TB": 40, "GB": 30, "MB": 20, "KB": 10, "B": 0}


def test_offers_come_in_the_order_of_the_file():
    [carrier] = [carrier for carrier in CARRIERS if carrier.carrier_id == "qingfeng"]
    offers = products_for(carrier)
    assert [offer.price.amount_minor // 100 for offer in offers if offer.kind is OfferKind.CREDIT] == [
        10, 20, 30, 50, 100, 200, 300, 500,
    ]  # fmt: skip
    assert [offer.product for offer in offers if offer.kind is OfferKind.PACK] == [
        "data-1gb-7d", "data-10gb-30d", "all-in-30d",
    ]  # fmt: skip
    [free] = [offer for offer in offers if offer.kind is OfferKind.FREE]
    assert (free.free.minimum_minor, free.free.maximum_minor) == (100, 50_000)
    [chosen] = [offer for offer in offers if offer.label and offer.kind is OfferKind.CREDIT]
    assert (chosen.price.amount_minor, chosen.label["zh_Hans"]) == (5000, "最多人选")


def test_every_word_of_every_offer_exists_in_every_language():
    for carrier in CARRIERS:
        for grant in (grant for offer in products_for(carrier) for grant in offer.grants):
            for texts in TEXTS.values():
                assert texts[grant.label_id].format(**grant.parameters)
                assert texts[grant.validity_id].format(days=grant.days)


def test_the_three_languages_say_the_same_things_with_the_same_parameters():
    parameters = {
        language: {key: set(re.findall(r"{(\w+)}", text)) for key, text in texts.items()}
        for language, texts in TEXTS.items()
    }
    assert parameters["zh_Hans"] == parameters["zh_Hant"] == parameters["en"]
    assert all(text for texts in TEXTS.values() for text in texts.values())


def test_every_message_the_room_names_exists():
    source = "\n".join(file.read_text(encoding="utf-8") for file in (ROOM / "catalogue").glob("*.py"))
    named = set(re.findall(r'"((?:line|grant|validity|amount|product|currency|catalogue)_[a-z_]+)"', source))
    named -= {"product_fee", "payment_fee", "amount_minor", "line_rules"}
    assert {name for name in named if not has_text("problems", name)} - set(TEXTS["en"]) == set()
    reasons = ("never_ends", "midnight", "exact", "months_midnight", "months_exact", "month_end", "balance")
    assert {f"why_{word}" for word in reasons} <= set(TEXTS["en"])
    assert {f"policy_{word}" for word in get_args(Policy)} <= set(TEXTS["en"])


@pytest.mark.parametrize(
    ("asset", "amount", "label_id", "parameters"),
    [
        ("DATA", 2**30, "grant_data", {"count": "1", "unit": "GB"}),
        ("DATA", 10**9, "grant_data", {"count": "1", "unit": "GB"}),
        ("DATA", 3 * 2**29, "grant_data", {"count": "1.5", "unit": "GB"}),
        ("DATA", 500 * 2**20, "grant_data", {"count": "500", "unit": "MB"}),
        ("DATA", 2**29, "grant_data", {"count": "512", "unit": "MB"}),
        ("DATA", 7, "grant_data", {"count": "7", "unit": "B"}),
        ("VOICE", 12_000, "grant_minutes", {"count": "200"}),
        ("VOICE", 90, "grant_seconds", {"count": "90"}),
        ("SMS", 20, "grant_messages", {"count": "20"}),
        ("CNY", 1050, "grant_credit", {"amount": "10.50", "currency": "CNY"}),
        ("JPY", 1050, "grant_credit", {"amount": "1050", "currency": "JPY"}),
    ],
)
def test_amounts_are_said_as_people_say_them(asset, amount, label_id, parameters):
    assert amount_text(asset, amount) == (label_id, parameters)


@given(st.integers(1, 2**50))
def test_data_is_never_said_to_be_more_than_it_is(count):
    _, said = amount_text("DATA", count)
    thousands = 1000 ** (UNITS[said["unit"]] // 10)
    assert float(said["count"]) * thousands <= count


@pytest.mark.parametrize(
    ("validity", "message", "span"),
    [
        (ValidityRule("never"), "validity_never", {}),
        (ValidityRule("days", 30), "validity_days", {"days": 30}),
        (ValidityRule("days", 30, "month_end"), "validity_days_to_end", {"days": 30}),
        (ValidityRule("months", months=2), "validity_months", {"months": 2}),
        (ValidityRule("months", months=2, ends="month_end"), "validity_months_to_end", {"months": 2}),
        (ValidityRule("months", months=0, ends="month_end"), "validity_month_end", {"months": 0}),
        (ValidityRule("balance", policy="tiers", tiers=(TermTier(0, Term(9)),)), "validity_balance", {}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_how_long_is_said_in_every_language(validity, message, span):
    told = grant_text(GrantRule("SMS", 9, "bonus", 50, (), (), validity))
    assert (told.validity_id, told.span) == (message, span)
    for texts in TEXTS.values():
        said = texts[told.validity_id].format(**told.span)
        assert all(str(number) in said for number in span.values() if number)
