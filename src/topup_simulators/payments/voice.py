"""How a provider tells its merchant something: what a simulator must be given beside the shared parts."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

News = Mapping[str, Any]
"""What is told, as plain JSON: kept on the agenda until it was heard."""


class Voice(Protocol):
    """The provider's way of composing, signing and resending what it tells."""

    resend_after_s: Sequence[float]
    """How long after each sending that was not heard the next one follows."""

    def news(self, kind: str, payment: sqlite3.Row, facts: Mapping[str, Any]) -> News | None:
        """What is told of `payment.paid`, `payment.declined`, `payment.closed`, `refund.done` or `refund.refused`.

        `facts` are the charge's or the refund's; None where this provider says nothing of such a thing.
        """
        ...

    def renamed(self, news: News) -> News:
        """The same, told as another event."""
        ...

    def spoken(self, news: News, *, forged: bool) -> tuple[dict[str, str], bytes]:
        """Headers and body to be posted now; `forged` with a signature that does not hold."""
        ...

    def heard(self, status: int, body: bytes) -> bool:
        """Whether the merchant's answer ends the resending."""
        ...
