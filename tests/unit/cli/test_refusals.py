"""What the command line refuses it refuses in plain words: the mistake itself, and what there is instead."""

from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from tests.unit.web.test_progress import an_order
from topup.channels.cli import speech
from topup.channels.cli.app import create_app
from topup.channels.cli.exits import Exit, exit_of
from topup.channels.cli.recharge import Recharge, _question, _unconfirmed, pay_order, recharge
from topup.channels.cli.reconciling import parse_day
from topup.channels.cli.speech import say_problem
from topup.channels.cli.ways import Paying
from topup.kernel.errors import Conflict, Problem
from topup.orders.bills import Bills
from topup.platform.i18n import LOCALES
from topup.platform.settings import Settings


@pytest.fixture(params=LOCALES)
def language(request, monkeypatch):
    monkeypatch.setenv("TOPUP_LANG", request.param)
    speech.locale.cache_clear()
    yield request.param
    speech.locale.cache_clear()


@pytest.mark.parametrize(
    "words", [("staff", "add", "bob", "--role", "king"), ("staff", "role", "bob", "king"), ("keys", "rotate", "king")]
)
def test_a_word_that_is_none_of_those_there_are_is_refused_without_a_librarys_name_for_it(words):
    done = CliRunner().invoke(create_app(None), words)
    said = " ".join(done.output.replace("│", " ").split())
    assert done.exit_code == Exit.USAGE
    assert "'king' is not one of" in said
    assert "Value error" not in said


@pytest.mark.parametrize("day", ["2026-13-45", "yesterday", "2026-11-05T15:30"])
def test_who_is_asked_for_a_day_is_not_told_to_write_a_time(language, day):
    with pytest.raises(Problem) as raised:
        parse_day(day)
    sentence, remedy = say_problem(raised.value)
    assert sentence
    assert "2026-11-05" in remedy
    assert "T" not in remedy
    assert exit_of(raised.value) is Exit.USAGE


@pytest.mark.parametrize(("method", "code"), [("nope", "method_unknown"), ("acme", "method_without_bill")])
def test_a_method_without_bills_is_told_from_one_that_there_is_not(method, code):
    bills = Bills.__new__(Bills)
    bills._givers = {"acme": SimpleNamespace(capabilities=frozenset())}
    with pytest.raises(Problem, match=code):
        bills.giving(method)


@pytest.mark.parametrize(
    ("status", "words"),
    [("delivered", ("Credited", "已到账", "已入帳")), ("cancelled", ("Cancelled", "已取消", "已取消"))],
)
async def test_who_pays_an_order_that_waits_for_nothing_reads_what_became_of_it(language, status, words, tmp_path):
    order = an_order("awaiting_payment", status)

    async def get_order(*, order_id):
        assert order_id == order.id
        return order

    @asynccontextmanager
    async def house(*_, **__):
        yield SimpleNamespace(desk=SimpleNamespace(get_order=get_order), methods=["sandbox"])

    wanted = Recharge("", "", Paying("sandbox"), yes=True, confirmations=frozenset(), wait_s=0, as_json=False)
    with pytest.raises(Problem) as raised:
        await pay_order(SimpleNamespace(house=house), Settings(data_dir=tmp_path), wanted, order_id=order.id)
    sentence, remedy = say_problem(raised.value)
    assert any(word in sentence for word in words)
    assert f"order {order.id}" in remedy


@pytest.mark.parametrize("method", ["paypal", "paypal:USD"])
async def test_a_way_that_there_is_not_is_told_before_that_nobody_can_be_asked(method, tmp_path):
    @asynccontextmanager
    async def house(*_, **__):
        yield SimpleNamespace(methods=["alipay", "sandbox"])

    wanted = Recharge("", "50", Paying(method), yes=False, confirmations=frozenset(), wait_s=0, as_json=True)
    runtime, settings = SimpleNamespace(house=house), Settings(data_dir=tmp_path)
    for asked in (recharge(runtime, settings, wanted), pay_order(runtime, settings, wanted, order_id="any")):
        with pytest.raises(Problem, match="pay_unknown") as raised:
            await asked
        assert raised.value.parameters["known"] == ["alipay", "sandbox"]


async def test_where_nobody_can_be_asked_the_price_must_be_agreed_to_beforehand(tmp_path):
    @asynccontextmanager
    async def house(*_, **__):
        yield SimpleNamespace(methods=["alipay", "sandbox"])

    for named in ("alipay", None):
        wanted = Recharge("", "50", Paying(named), yes=False, confirmations=frozenset(), wait_s=0, as_json=True)
        runtime = SimpleNamespace(house=house)
        assert await recharge(runtime, Settings(data_dir=tmp_path), wanted) is Exit.USAGE


def test_what_was_begun_and_not_paid_is_not_called_topped_up(monkeypatch):
    monkeypatch.setenv("TOPUP_LANG", "en")
    speech.locale.cache_clear()
    paid = Conflict("confirmation_needed", confirmations=["duplicate"], minutes=3)
    begun = Conflict("confirmation_needed", confirmations=["duplicate"], minutes=3, unpaid=True)
    for problem, words in ((paid, "was topped up"), (begun, "begun 3 min ago, and is not paid")):
        assert words in _question("duplicate", problem)
        assert words in str(_unconfirmed(problem, frozenset({"duplicate"})).parameters["reasons"])
    speech.locale.cache_clear()
