"""Paying by card at a counter's terminal, which is the bank's: it is paid when the clerk enters what its slip says.

Nobody is called. The bill is what the terminal's own batches vouch for (`terminal.charges.close_batch`).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from topup.kernel.money import Money
from topup.payments.methods.by_hand import ByHand, Points
from topup.payments.ports import Scene, Unfit
from topup.payments.terminal import records
from topup.payments.terminal.charges import METHOD, TO_GIVE_BACK
from topup.payments.terminal.records import CardBack, Charge


class CardTerminal(ByHand[Charge, CardBack]):
    """The payments at terminals of this installation."""

    name = METHOD
    book = records.BOOK
    points = Points.of("terminal")
    to_give_back = TO_GIVE_BACK

    def unfit(self, amount: Money, scene: Scene) -> Unfit | None:  # noqa: ARG002 - the port's
        """Only at a counter is there a terminal, and somebody to read its slip."""
        return None if scene is Scene.COUNTER else Unfit.COUNTER

    def _reference(self, taken: Charge) -> str:
        return f"{taken.terminal}:{taken.reference}"

    def _taken_at(self, taken: Charge) -> datetime | None:
        return taken.taken_at

    def _evidence(self, taken: Charge) -> Mapping[str, Any]:
        return {"terminal": taken.terminal, "reference": taken.reference}
