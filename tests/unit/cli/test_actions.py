"""What a payer does next is said on the terminal, and nothing where there is nothing left to do."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from tests.unit.web.test_progress import a_payment, an_order
from topup.channels.cli import actions, screen, speech
from topup.channels.cli.actions import transfer_rows
from topup.channels.cli.recharge import Recharge, _Journey
from topup.channels.cli.speech import say
from topup.channels.cli.ways import Paying, Way
from topup.kernel.money import Money
from topup.orders.paying import Presented
from topup.orders.views import PayView
from topup.payments.ports import Action, Scene

FACTS = {"account": "DE02120300000000202051", "reference": "TP4K 7Q2M", "until": "2026-11-28T14:25:38.986542+00:00"}


@pytest.fixture
def english(monkeypatch):
    monkeypatch.setenv("TOPUP_LANG", "en")
    speech.locale.cache_clear()
    yield
    speech.locale.cache_clear()


def test_until_when_money_must_arrive_is_said_as_other_times_are_and_by_which_clock(english):
    rows = dict(transfer_rows(FACTS, zone="Asia/Shanghai"))
    assert rows["Must arrive by"] == "Nov 28, 2026, 10:25:38\u202fPM (Shanghai time)"
    assert (rows["Account"], rows["Reference"]) == (FACTS["account"], FACTS["reference"])


@pytest.mark.parametrize(
    ("standing", "action", "said"),
    [
        ("paid", Action("wait"), ""),
        ("declined", Action("wait"), ""),
        ("pending", Action("wait"), "recharge.confirm_there"),
        ("pending", Action("redirect", "https://pay.example/1"), "recharge.pay_there"),
        ("pending", Action("transfer", parameters=FACTS), "recharge.transfer"),
    ],
)
async def test_who_has_paid_already_is_told_to_do_nothing(monkeypatch, standing, action, said):
    """A voucher pays at once: what was begun comes back as it began, and the order knows better."""
    console = screen.Screen(width=120, force_terminal=False, soft_wrap=True, color_system=None)
    monkeypatch.setattr(actions, "out", console)
    begun = replace(a_payment("pending"), method="voucher", action=action)

    async def pay(**_):
        return begun

    async def get_order(*, order_id):
        return an_order("awaiting_payment", payments=(replace(begun, status=standing),))

    house = SimpleNamespace(
        desk=SimpleNamespace(pay=pay, get_order=get_order),
        store=SimpleNamespace(installation=SimpleNamespace(demo=True)),
    )
    wanted = Recharge("", "", Paying("voucher"), yes=True, confirmations=frozenset(), wait_s=0, as_json=False)
    way = Way("voucher", PayView(Money(4850, "CNY")), Scene.DESKTOP, Presented())
    with console.capture() as capture:
        assert await _Journey(house, wanted)._pay(an_order("awaiting_payment"), way) is begun
    assert (said and say(said)) in capture.get()
    assert bool(capture.get()) == bool(said)
