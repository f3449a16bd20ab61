"""The port through which portability is looked up."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from topup.platform.database import Connection


class PortabilityLookup(Protocol):
    """Who serves numbers that left the carrier of their range.

    It is asked inside a database transaction, so it reads what is already here: a lookup over a network keeps a table
    of its own and fills it beforehand.
    """

    async def carriers_of(self, connection: Connection, e164s: Sequence[str]) -> Mapping[str, str]:
        """The carrier id of each number (E.164) that was ported; the others are absent."""
        ...
