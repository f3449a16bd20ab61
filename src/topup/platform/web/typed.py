"""Amounts as people type them into a form."""

import re
from typing import Final

from topup.kernel.money import InvalidMoney, Money

_SIGNS: Final = " ¥￥元$€£"
_AMOUNT: Final = re.compile(r"(?:[0-9]{1,16}|[0-9]{1,3}(?:,[0-9]{3})+)(?:\.[0-9]{0,4})?", re.ASCII)
"""Groups of three are groups. A comma before two digits is a decimal comma, and is not guessed at."""
_FULL_WIDTH: Final = str.maketrans("０１２３４５６７８９．，", "0123456789.,")


def money_typed(text: str, currency: str) -> Money:
    """An amount as people write it: `50`, `¥48.50`, `４８．５`, `48元`, `50 CNY`, `1,000`. Raises InvalidMoney."""
    plain = text.translate(_FULL_WIDTH).strip(_SIGNS).removesuffix(currency).strip(_SIGNS)
    if _AMOUNT.fullmatch(plain) is None:
        raise InvalidMoney("not an amount")
    return Money.from_major(plain.replace(",", ""), currency)
