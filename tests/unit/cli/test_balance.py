"""How a balance looks in a terminal and to programs: what can be used, and what is promised."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from rich.console import Console

from topup.channels.cli import speech
from topup.channels.cli.rendering import balance, balance_json
from topup.kernel.money import Money
from topup.kernel.msisdn import parse_msisdn
from topup.orders.balance_views import BalanceView, BucketView


@pytest.fixture(autouse=True)
def _in_english(monkeypatch):
    monkeypatch.setenv("TOPUP_LANG", "en")
    speech.locale.cache_clear()
    yield
    speech.locale.cache_clear()


def view(*, held: int) -> BalanceView:
    end = datetime(2030, 1, 1, tzinfo=UTC)
    buckets = (
        BucketView("acc_1", "CNY", "main", 5000, 5000 - held, end, {}),
        BucketView("acc_2", "SMS", "plan", 30, 30, end, {}),
    )
    names = {"en": "Qingfeng"}
    credit = Money(5000 - held, "CNY")
    return BalanceView(parse_msisdn("13800138000"), "lin_1", "qingfeng", names, "active", "UTC", credit, buckets)


def shown(of: BalanceView) -> str:
    console = Console(width=120)
    with console.capture() as capture:
        console.print(balance(of))
    return capture.get()


def test_what_is_held_stands_beside_what_can_be_used():
    text = shown(view(held=1200))
    assert "CN¥38.00  CN¥12.00 more is held for what is under way" in text
    assert "of it held: CN¥12.00" in text
    said = balance_json(view(held=1200))
    assert said["credit"]["amount_minor"] == 3800
    assert said["held"] == {"amount_minor": 1200, "currency": "CNY"}
    assert [bucket["held"] for bucket in said["buckets"]] == [1200, 0]


def test_nothing_is_said_of_holds_where_there_are_none():
    assert "held" not in shown(view(held=0))
    assert balance_json(view(held=0))["held"]["amount_minor"] == 0


def test_data_and_minutes_are_said_as_the_owners_page_says_them_and_programs_are_told_exactly():
    buckets = (
        BucketView("acc_1", "DATA", "plan", 380_000_000 + 1024, 380_000_000 + 1024, None, {}),
        BucketView("acc_2", "VOICE", "plan", 5799, 5799, None, {}),
    )
    of = replace(view(held=0), buckets=buckets)
    text = shown(of)
    assert "362 MB data" in text
    assert "96 min of calls" in text
    assert [bucket["amount"] for bucket in balance_json(of)["buckets"]] == [380_001_024, 5799]
