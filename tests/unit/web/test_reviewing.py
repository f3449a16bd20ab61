"""What a price says of how long something lasts, to a reader who may not know what the line has and to one who may."""

from datetime import UTC, datetime
from typing import get_args

import pytest

from topup.catalogue.grant_rules import Policy
from topup.channels.web.reviewing import grant_rows
from topup.channels.web.wording import Wording
from topup.orders.views import EndBasis, QuoteGrant
from topup.platform.i18n import LOCALES

END = datetime(2026, 12, 21, 16, 0, tzinfo=UTC)
WHY = {"id": "policy_longest", "inputs": {}}


def grant(**changes) -> QuoteGrant:
    return QuoteGrant(
        **{"index": 0, "asset": "CNY", "amount": 5000, "kind": "main", "usable_until": END, "rule": WHY} | changes
    )


def row(*grants: QuoteGrant, locale: str = "en"):
    return grant_rows(grants, "Asia/Shanghai", Wording(locale))[-1]


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("policy", get_args(Policy))
@pytest.mark.parametrize("basis", get_args(EndBasis))
def test_everything_has_words_in_every_language(locale, policy, basis):
    shown = row(grant(policy=policy, basis=basis, cap=10_000), locale=locale)
    assert shown.until
    assert all(shown.why)


def test_a_certain_end_is_said_as_it_is():
    assert row(grant()).until == "Valid through Dec 21, 2026"


def test_a_stranger_reads_the_least_and_the_rule():
    shown = row(grant(basis="alone", policy="extend"))
    assert shown.until == "Valid at least through Dec 21, 2026"
    assert "Adds its days to the end date you already have." in shown.why


def test_a_stranger_reads_no_date_where_the_balance_decides():
    assert row(grant(basis="alone", policy="tiers")).until == "Valid by the balance after it"


def test_who_may_know_the_balance_reads_the_end_itself():
    shown = row(grant(basis="present", policy="extend"))
    assert shown.until == "Valid through Dec 21, 2026"


@pytest.mark.parametrize(("at_cap", "words"), [("refuse", "refunded in full"), ("clip", "is not credited")])
def test_a_cap_is_said_as_the_rule_it_is(at_cap, words):
    (sentence,) = [why for why in row(grant(cap=10_000, at_cap=at_cap)).why if "at most" in why]
    assert "¥100.00" in sentence.replace("CN¥", "¥")
    assert words in sentence


def test_what_two_grants_share_is_said_once_with_the_last():
    rows = grant_rows([grant(), grant(index=1)], "Asia/Shanghai", Wording("en"))
    assert (rows[0].why, len(rows[1].why)) == ([], 1)
