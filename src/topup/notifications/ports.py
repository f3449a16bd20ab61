"""The port every messenger (mail, SMS, chat) is plugged into. Async, and it knows no database."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

from topup.kernel.outcome import Outcome

_TELEPHONE: Final = "tel:"


class AddressKind(StrEnum):
    """What leads to a person. A plugin's capabilities name those it serves; `plugins.toml` says which one does."""

    MAIL = "mail"
    """An e-mail address."""
    SMS = "sms"
    """`tel:` and a number in E.164 (RFC 3966)."""


def kind_of(address: str) -> AddressKind:
    """Which kind an address is of."""
    return AddressKind.SMS if address.startswith(_TELEPHONE) else AddressKind.MAIL


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """One message ready to leave.

    `message_id` stays the same when it is sent again, so that a messenger that can tell repetitions does; `written_at`
    is when it was written, not when it is sent. A messenger refuses the kind of address it cannot reach. A message by
    SMS may have no subject. `stop_url`, where there is one, ends messages of its kind by one POST (RFC 8058).
    """

    message_id: str
    address: str
    locale: str
    subject: str
    body: str
    written_at: datetime | None = None
    stop_url: str = ""


class Messenger(Protocol):
    """What a plugin's `make(settings, client)` gives. Outcomes as in `kernel.outcome`; methods raise nothing."""

    name: str

    async def send(self, message: OutgoingMessage) -> Outcome:
        """Done or Accepted when it left; Refused when that address will never take it; NotSent, Throttled, Unknown."""
        ...

    async def aclose(self) -> None:
        """Let go of connections."""
        ...
