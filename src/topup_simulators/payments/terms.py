"""A payment as a merchant asked for it, whatever wire it was asked over."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime


class Rejected(Exception):
    """What the merchant sent is not accepted; `code` says why, in the provider's words where it has some."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class OtherContent(Exception):
    """The payment is known with another amount, currency, text, address or end."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What is to be paid, for what, until when, and who is told.

    `payment_id` is the merchant's number; `locale` is empty where the wire has no word for it. `facts` are what only
    one wire knows (a product, a token, a buyer): they are kept, and may differ when the same payment is asked for
    again.
    """

    payment_id: str
    amount_minor: int
    currency: str
    description: str
    return_url: str
    notify_url: str
    expires_at: datetime
    locale: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)

    def content(self) -> str:
        """What must not differ when the same payment is opened again."""
        parts = (self.amount_minor, self.currency, self.description, self.notify_url, self.expires_at.isoformat())
        return "\n".join(str(part) for part in parts)


Enter = Callable[[str, datetime], Terms]
"""(the query with which a pay page is entered, now) -> the payment it is for. Raises Rejected."""
