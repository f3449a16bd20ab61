"""What the first screen's form chose. How forms are read: `platform.web.forms`."""

import re
from dataclasses import dataclass
from typing import Final

from topup.kernel.errors import Invalid
from topup.kernel.money import InvalidMoney, Money
from topup.platform.web.forms import FORM_TYPE, Form, local_path, read_form
from topup.platform.web.typed import money_typed

__all__ = ["FORM_TYPE", "Choice", "Form", "local_path", "read_choice", "read_form"]

_CREDIT: Final = re.compile(r"credit:([0-9]{1,16})", re.ASCII)
_PACK: Final = re.compile(r"pack:([A-Za-z0-9._-]{1,64})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen: a pack, or an amount; or neither yet."""

    product: str | None = None
    amount: Money | None = None

    @property
    def made(self) -> bool:
        """Whether anything was chosen."""
        return self.product is not None or self.amount is not None


def read_choice(form: Form, *, currency: str) -> Choice:
    """The tile that was pressed, or the amount that was typed. A typed amount alone counts without its radio button.

    Raises Invalid `amount_unreadable`.
    """
    text = form.one("choice")
    if credit := _CREDIT.fullmatch(text):
        return Choice(amount=_money(int(credit[1]), currency))
    if pack := _PACK.fullmatch(text):
        return Choice(product=pack[1])
    typed = form.one("amount")
    return Choice(amount=_typed(typed, currency)) if typed else Choice()


def _money(amount_minor: int, currency: str) -> Money:
    try:
        return Money(amount_minor, currency)
    except InvalidMoney:
        raise Invalid("amount_unreadable") from None


def _typed(text: str, currency: str) -> Money:
    try:
        money = money_typed(text, currency)
    except InvalidMoney:
        raise Invalid("amount_unreadable") from None
    if money.amount_minor == 0:
        raise Invalid("amount_unreadable")
    return money
