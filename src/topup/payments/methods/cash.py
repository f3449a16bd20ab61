"""Paying in cash: somebody at a till takes the money, and hands back what goes back."""

from datetime import datetime

from topup.kernel.money import Money
from topup.payments.cash import records
from topup.payments.cash.postings import METHOD
from topup.payments.cash.records import PayBack, Taking
from topup.payments.cash.tills import TO_PAY_BACK
from topup.payments.methods.by_hand import ByHand, Points
from topup.payments.ports import Scene, Unfit


class Cash(ByHand[Taking, PayBack]):
    """The payments in cash of this installation."""

    name = METHOD
    book = records.BOOK
    points = Points.of("cash")
    to_give_back = TO_PAY_BACK

    def unfit(self, amount: Money, scene: Scene) -> Unfit | None:  # noqa: ARG002 - the port's
        """Only before a counter or a kiosk is there somebody, or something, to take it."""
        return None if scene in {Scene.COUNTER, Scene.SCREEN} else Unfit.COUNTER

    def _reference(self, taken: Taking) -> str:
        """The session it was taken in: a payment is taken once."""
        return str(taken.session_id)

    def _taken_at(self, taken: Taking) -> datetime | None:
        return taken.taken_at
