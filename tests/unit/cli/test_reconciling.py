"""`topup reconcile` where a provider has no bill: of a day without payments of ours that is no failure."""

import json
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from types import SimpleNamespace

import pytest

from topup.channels.cli import reconciling, screen
from topup.channels.cli.exits import Exit
from topup.channels.cli.reconciling import Wanted, reconcile
from topup.channels.cli.speech import say
from topup.payments.ports import NoBillYet

DAY = date(2026, 3, 10)


class Runtime:
    """A house whose one provider says that it has no bill (`answer` raises), or cannot be asked (None)."""

    def __init__(self, *, answer: Exception | None, idle: bool) -> None:
        self._answer, self._idle = answer, idle

    @asynccontextmanager
    async def house(self, settings, *, outside, method):
        @asynccontextmanager
        async def read():
            yield SimpleNamespace(now=datetime(2026, 3, 11, 1, tzinfo=UTC))

        async def read_day(**_):
            if self._answer:
                raise self._answer

        async def is_idle(*, method, day):
            return self._idle and (method, day) == ("alipay", DAY)

        yield SimpleNamespace(
            store=SimpleNamespace(database=SimpleNamespace(read=read)),
            desk=SimpleNamespace(bills=SimpleNamespace(methods=["alipay"], read_day=read_day)),
            reconciliation=SimpleNamespace(yesterday=lambda *_: DAY, is_idle=is_idle),
            methods=["alipay"],
        )


@pytest.fixture
def ended(monkeypatch):
    out, err = (screen.Screen(width=160, force_terminal=False, soft_wrap=True, color_system=None) for _ in range(2))
    for place in (screen, reconciling):
        monkeypatch.setattr(place, "out", out)
        monkeypatch.setattr(place, "err", err)

    async def run(runtime, *, as_json=False):
        wanted = Wanted(method=None, day=None, folder=None, as_json=as_json)
        with out.capture() as said, err.capture() as complained:
            code = await reconcile(runtime, None, wanted)
        return code, said.get(), complained.get()

    return run


async def test_no_bill_of_a_day_on_which_nothing_happened_is_said_and_is_no_failure(ended):
    code, said, complained = await ended(Runtime(answer=NoBillYet(), idle=True))
    assert (code, complained) == (Exit.DONE, "")
    assert said.strip() == say("reconcile.no_bill", method="alipay", day=DAY)


@pytest.mark.parametrize(("answer", "idle"), [(NoBillYet(), False), (None, True)])
async def test_with_payments_of_ours_or_without_an_answer_the_bill_cannot_be_had_now(ended, answer, idle):
    code, said, complained = await ended(Runtime(answer=answer, idle=idle))
    assert (code, said) == (Exit.UNAVAILABLE, "")
    assert say("reconcile.unavailable", method="alipay", day=DAY) in complained


async def test_a_program_is_told_which_is_which(ended, capsys):
    code, said, _ = await ended(Runtime(answer=NoBillYet(), idle=True), as_json=True)
    assert code is Exit.DONE
    assert json.loads(said or capsys.readouterr().out) == {"reports": [], "unavailable": [], "no_bill": ["alipay"]}
