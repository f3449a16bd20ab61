"""The port every messenger (mail, SMS, chat) is plugged into. Async, and it knows no database."""

from dataclasses import dataclass
from typing import Protocol

from topup.kernel.outcome import Outcome


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """One message ready to leave.

    `message_id` stays the same when it is sent again, so that a messenger that can tell repetitions does. `address` is
    an e-mail address, or `tel:` and a number in E.164 (RFC 3966); a messenger refuses the kind it cannot reach.
    """

    message_id: str
    address: str
    locale: str
    subject: str
    body: str


class Messenger(Protocol):
    """What a plugin's `make(settings, client)` gives. Outcomes as in `kernel.outcome`; methods raise nothing."""

    name: str

    async def send(self, message: OutgoingMessage) -> Outcome:
        """Done or Accepted when it left; Refused when that address will never take it; NotSent, Throttled, Unknown."""
        ...

    async def aclose(self) -> None:
        """Let go of connections."""
        ...
