"""Reading what a form sent: bounded, strict about bytes, and never from the address."""

import re
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from litestar import Request

from topup.kernel.errors import Invalid
from topup.kernel.money import InvalidMoney, Money
from topup.platform.web import read_body

FORM_TYPE: Final = "application/x-www-form-urlencoded"
_MOST_FIELDS: Final = 32
_LONGEST_VALUE: Final = 1024
_CREDIT: Final = re.compile(r"credit:([0-9]{1,16})", re.ASCII)
_AMOUNT: Final = re.compile(r"[0-9]{1,16}(?:\.[0-9]{0,4})?", re.ASCII)
_PACK: Final = re.compile(r"pack:([A-Za-z0-9._-]{1,64})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of one form."""

    values: dict[str, list[str]] = field(default_factory=dict)

    def one(self, name: str) -> str:
        """The value of a field, trimmed; empty when it was not sent."""
        return self.values.get(name, [""])[0].strip()

    def many(self, name: str) -> frozenset[str]:
        """Every value of a field, as of check boxes."""
        return frozenset(self.values.get(name, []))


async def read_form(request: Request[Any, Any, Any]) -> Form:
    """The fields of a form sent as application/x-www-form-urlencoded in UTF-8.

    Raises Invalid `request_malformed` for what no page of ours sends, and what `read_body` raises.
    """
    body = await read_body(request, expected=FORM_TYPE)
    try:
        values = parse_qs(
            body.decode("ascii"), keep_blank_values=True, encoding="utf-8", errors="strict", max_num_fields=_MOST_FIELDS
        )
    except ValueError:
        raise Invalid("request_malformed") from None
    texts = [*values, *(text for texts in values.values() for text in texts)]
    if any(len(text) > _LONGEST_VALUE or "\0" in text for text in texts):
        raise Invalid("request_malformed")
    return Form(values)


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
    """An amount as people write it: `50`, `¥48.50`, `４８．５`, `48元`."""
    plain = text.translate(_FULL_WIDTH).strip(" ¥￥元$").removesuffix(currency).strip()
    try:
        money = Money.from_major(plain, currency)
    except InvalidMoney:
        raise Invalid("amount_unreadable") from None
    if _AMOUNT.fullmatch(plain) is None or money.amount_minor == 0:
        raise Invalid("amount_unreadable")
    return money


_FULL_WIDTH: Final = str.maketrans("０１２３４５６７８９．", "0123456789.")


def local_path(text: str) -> str:
    """`text` if it is a path on this site, else the first page: nobody is sent elsewhere by a link of ours."""
    parts = urlsplit(text)
    plain = text.isascii() and text.isprintable() and "\\" not in text
    ours = text.startswith("/") and not text.startswith("//") and not parts.scheme and not parts.netloc
    return parts.path if plain and ours else "/"
