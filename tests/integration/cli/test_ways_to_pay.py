"""How to pay at the command line: every way with its cost before one is chosen, in another currency, from a balance,
with a code nobody sees, at a counter; and another way for an order after one failed.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands import Terminal, serving, topup
from tests.support.database import temporary_data_dir

pytestmark = [pytest.mark.xdist_group("commands"), pytest.mark.timeout(600)]

PAYS = "13800138000"


@pytest.fixture(scope="module")
def site() -> Iterator[Path]:
    """A demonstration that is served meanwhile, so that every provider's simulator runs once for all."""
    with temporary_data_dir() as data_dir, serving(data_dir) as server:
        assert topup(data_dir, "recharge", PAYS, "100", "--pay", "sandbox", "--yes").code == 0
        yield data_dir
        assert server.stop() == 0


def refused(site: Path, *words: str) -> str:
    done = topup(site, *words, "--yes")
    assert (done.code, done.out) == (1, "")
    return done.err


def test_every_way_is_shown_with_its_cost_and_one_is_chosen_by_number(site: Path) -> None:
    terminal = Terminal(site, "recharge", "13800138021", "50")
    terminal.wait_for("Pay how?")
    for words in ("Alipay", "no fee", "includes a fee of CN¥0.30", "Card · US Dollar", "1 USD = 7.1062 CNY"):
        assert words in terminal.shown
    terminal.type("5\n")
    terminal.wait_for("Pay $7.08?")
    assert "rounded up to the next $0.01" in terminal.shown
    terminal.type("n\n")
    terminal.wait_for("Nothing was paid")
    assert terminal.end() == 1


@pytest.mark.parametrize("answer", ["0", "99", "alipay", "-1"])
def test_a_number_that_is_none_of_them_pays_nothing(site: Path, answer: str) -> None:
    terminal = Terminal(site, "recharge", "13800138021", "50")
    terminal.wait_for("Pay how?")
    terminal.type(f"{answer}\n")
    terminal.wait_for("Choose a number from 1 to")
    assert terminal.end() == 1


def test_without_a_way_and_without_anybody_to_ask_the_ways_are_named(site: Path) -> None:
    said = refused(site, "recharge", "13800138021", "50")
    assert "Nothing was paid" in said
    assert "alipay, wechatpay, sandbox, stripe" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--pay", "stripe", "--currency", "GBP"), "It takes: CNY, USD, EUR, and JPY."),
        (("--pay", "balance"), "--from-line"),
        (
            ("--pay", "paypal"),
            "takes: alipay, balance, bank_transfer, card_terminal, cash, sandbox, stripe, voucher, and wechatpay.",
        ),
        (("--pay", "alipay", "--from-line", PAYS), "--pay balance"),
        (("--pay", "voucher"), "--code -"),
    ],
)
def test_what_does_not_go_together_is_refused_before_anything_is_ordered(
    site: Path, words: tuple[str, ...], said: str
) -> None:
    assert said in refused(site, "recharge", "13800138022", "50", *words)


def test_the_balance_of_a_line_pays_for_another(site: Path) -> None:
    done = topup(site, "recharge", "13800138023", "20", "--from-line", PAYS, "--yes", "--json")
    assert (done.code, json.loads(done.out)["payment"]["status"]) == (0, "paid")
    left = json.loads(topup(site, "balance", PAYS, "--json").out)
    assert left["credit"]["amount_minor"] == 8000


def test_a_pin_is_read_from_standard_input_where_no_list_of_processes_shows_it(site: Path) -> None:
    terminal = Terminal(site, "recharge", "13800138024", "20", "--pay", "voucher")
    terminal.wait_for("is not shown")
    terminal.type("1234\n")
    terminal.wait_for("[y/n]")
    terminal.type("y\n")
    terminal.wait_for("not a voucher PIN")
    terminal.wait_for("topup pay ord_")
    assert "1234" not in terminal.shown
    assert terminal.end() == 1


def test_cash_waits_for_a_counter_that_is_told_the_payment(site: Path) -> None:
    done = topup(site, "recharge", "13800138025", "20", "--pay", "cash", "--yes", "--wait", "0")
    assert done.code == 3
    assert "in cash at a counter" in done.out
    assert "pay_" in done.out


def test_after_a_failure_the_same_order_is_paid_another_way_in_another_currency(site: Path) -> None:
    done = topup(site, "recharge", "13800138026", "50.91", "--pay", "sandbox", "--yes", "--json")
    assert (done.code, json.loads(done.out)["payment"]["status"]) == (1, "declined")
    order = json.loads(done.out)["order"]["id"]
    again = topup(site, "pay", order, "--pay", "stripe", "--currency", "usd", "--yes", "--wait", "0", "--json")
    said = json.loads(again.out)["order"]["payments"]
    assert [(one["method"], one["amount"]["currency"]) for one in said] == [("sandbox", "CNY"), ("stripe", "USD")]
    assert topup(site, "pay", order, "--from-line", PAYS, "--yes").code == 0
    assert "cannot be paid now: its status is “Credited”" in refused(site, "pay", order, "--pay", "alipay")
