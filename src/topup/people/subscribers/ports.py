"""What this room must be told by those above it, who know lines."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from topup.people.subscribers.accounts import Account
from topup.platform.database import Connection

Records = Mapping[str, Sequence[Mapping[str, Any]]]
"""By the name of their kind; what JSON can say. Names of kinds and fields have texts in the catalogue `personal`."""


class Numbers(Protocol):
    """Who knows what became of numbers."""

    async def same_holder(self, connection: Connection, *, e164: str, since: datetime, now: datetime) -> bool:
        """Whether whoever has the number now can be nobody but who had it at `since`. When in doubt: no."""
        ...

    async def proven(self, connection: Connection, *, subscriber_id: str, e164: str, now: datetime) -> None:
        """A subscriber has just shown that the number is theirs."""
        ...

    async def forget(self, connection: Connection, *, subscriber_id: str) -> None:
        """A subscriber ends their account: nothing of theirs stays."""
        ...


class Keeper(Protocol):
    """A room that keeps something about subscribers, by their ids."""

    async def held(self, connection: Connection, whose: Account) -> Records:
        """All that it keeps about them, opened."""
        ...

    async def unsettled(self, connection: Connection, *, subscriber_id: str) -> int:
        """How many matters of money of theirs are open: while there is one, their account does not end."""
        ...

    async def forget(self, connection: Connection, *, subscriber_id: str, now: datetime) -> None:
        """Keep nothing that leads to them. What the law wants kept stays without them."""
        ...
