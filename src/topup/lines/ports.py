"""The ports of this room: who looks portability up, and who hears what will become of lines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from topup.notifications.templates import Parameter
from topup.platform.database import Connection


class PortabilityLookup(Protocol):
    """Who serves numbers that left the carrier of their range.

    It is asked inside a database transaction, so it reads what is already here: a lookup over a network keeps a table
    of its own and fills it beforehand.
    """

    async def carriers_of(self, connection: Connection, e164s: Sequence[str]) -> Mapping[str, str]:
        """The carrier id of each number (E.164) that was ported; the others are absent."""
        ...


@dataclass(frozen=True, slots=True)
class Foretold:
    """A line that will change its state at `due` unless something is done, told now; `by_sms`: to its own number.

    `key` names what is told; `template` and `parameters` say it (`notifications.templates`). `zone` is IANA.
    """

    lane: int
    line_id: str
    zone: str
    key: str
    template: str
    parameters: Mapping[str, Parameter]
    due: datetime
    by_sms: bool


class Listener(Protocol):
    """Who hears it, in the transaction that tells; it writes rows and no more."""

    async def line_will_change(self, connection: Connection, changes: Sequence[Foretold], now: datetime) -> None:
        """Lines were told that they will change."""
        ...
