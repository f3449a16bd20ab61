"""Speaking with the relay: what each answer means for the message (RFC 5321, 4.2).

Nothing of a message is with the relay until its last line was handed over: whatever fails before that is `NotSent`, a
refusal to sign in too, for it says nothing of the message and somebody can mend it. After that only a plain answer
counts. A line that broke then is Unknown: the relay may have it.
"""

import re
import ssl
from dataclasses import dataclass
from typing import Final

from aiosmtplib import SMTP, SMTPException, SMTPResponseException
from aiosmtplib.errors import SMTPDataError

from topup.kernel.outcome import Done, NotSent, Outcome, Reason, Refused, Throttled, Unknown
from topup.notifications.ports import OutgoingMessage
from topup.plugins.messengers.smtp.letters import Unmailable, letter, recipient_of
from topup.plugins.messengers.smtp.settings import SmtpSettings, address_of

_FAILURES: Final = (SMTPException, OSError, ValueError)
"""What aiosmtplib raises where a relay or the way to it fails; a ValueError for a host that no socket takes."""
_ENHANCED: Final = re.compile(r"\b[245]\.[0-9]{1,3}\.[0-9]{1,3}\b", re.ASCII)
_SIGN_IN_FIRST: Final = 530
_GOING_AWAY: Final = 421
_PAUSE_S: Final = 60
"""Relays do not say how long; whoever sends waits longer each time."""


@dataclass(frozen=True, slots=True)
class Relay:
    """Where mail goes, ready to be called."""

    settings: SmtpSettings
    password: str
    context: ssl.SSLContext | None
    """None where the connection is in the clear, on this machine."""

    def __repr__(self) -> str:
        return f"Relay({self.settings.host!r})"

    async def hand_over(self, message: OutgoingMessage) -> Outcome:
        """One message on a connection of its own."""
        try:
            content, recipient = letter(message, self.settings), recipient_of(message).addr_spec
        except Unmailable:
            return Refused(Reason.USER, "address")
        client = self.client()
        try:
            await self.sign_in(client)
            named = await self._named(client, recipient)
            return named or await _handed_over(client, content)
        except _FAILURES as error:
            return NotSent(code_of(error))
        finally:
            client.close()

    def client(self) -> SMTP:
        """A connection to be made."""
        settings = self.settings
        return SMTP(
            hostname=settings.host,
            port=settings.at_port,
            use_tls=settings.security == "tls",
            # Never on what the relay says it can do: whoever sits in between could leave that out.
            start_tls=settings.security == "starttls",
            tls_context=self.context,
            local_hostname=address_of(settings.sender).domain,
            timeout=settings.timeout_s,
        )

    async def sign_in(self, client: SMTP) -> None:
        """Connect, and sign in where a name is set. Raises what aiosmtplib does, and OSError."""
        await client.connect()
        if self.settings.username:
            await client.login(self.settings.username, self.password)

    async def _named(self, client: SMTP, recipient: str) -> Outcome | None:
        """Name who it is from and whom it is for; what that ends in, or None where both are taken."""
        try:
            await client.mail(address_of(self.settings.sender).addr_spec)
        except SMTPResponseException as error:
            return _answered(error, Reason.CONFIGURATION)
        try:
            await client.rcpt(recipient)
        except SMTPResponseException as error:
            return _answered(error, Reason.USER)
        return None


async def _handed_over(client: SMTP, content: bytes) -> Outcome:
    try:
        response = await client.data(content)
    except SMTPDataError as error:
        return _answered(error, Reason.USER)
    except _FAILURES as error:
        return Unknown(code_of(error))
    try:
        await client.quit()
    except _FAILURES:
        # The relay has the message and has said so: how the line ends changes nothing.
        return Done(str(response.code))
    return Done(str(response.code))


def _answered(error: SMTPResponseException, reason: Reason) -> Outcome:
    """What a plain answer that is no yes means."""
    code = code_of(error)
    match error.code // 100:
        case 5 if error.code == _SIGN_IN_FIRST:
            return NotSent(code)
        case 5:
            return Refused(reason, code)
        case 4 if error.code == _GOING_AWAY:
            return NotSent(code)
        case 4:
            return Throttled(_PAUSE_S)
        case _:
            return Unknown(code)


def code_of(error: BaseException) -> str:
    """What went wrong, for the record: the relay's codes, never its words, which repeat the address."""
    if isinstance(error, SMTPResponseException):
        enhanced = _ENHANCED.search(error.message)
        return f"{error.code} {enhanced[0]}" if enhanced else str(error.code)
    cause = error.__cause__ or error
    return type(cause).__name__
