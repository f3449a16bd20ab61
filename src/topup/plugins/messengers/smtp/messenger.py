"""The messenger: mail by SMTP, one message for each recipient."""

import ssl
from typing import Final

from topup.kernel.outcome import Outcome, Reason, Refused
from topup.notifications.ports import AddressKind, OutgoingMessage, kind_of
from topup.platform.http import Client
from topup.plugins.messengers.smtp.relay import Relay
from topup.plugins.messengers.smtp.settings import SmtpSettings, password_of


class Smtp:
    """A messenger for e-mail addresses. Raises OSError and ValueError of settings whose files cannot be used."""

    name: Final = "smtp"

    def __init__(self, settings: SmtpSettings, _client: Client | None = None) -> None:
        self._relay = relay_of(settings)

    async def send(self, message: OutgoingMessage) -> Outcome:
        """Done when the relay said it has it; what else there is, `relay` tells."""
        if kind_of(message.address) is not AddressKind.MAIL:
            return Refused(Reason.CONFIGURATION, "not_mail")
        return await self._relay.hand_over(message)

    async def aclose(self) -> None:
        """Nothing is open between messages."""


def relay_of(settings: SmtpSettings) -> Relay:
    """The relay of these settings. Raises OSError and ValueError where the password or the authority cannot be read."""
    context = None
    if settings.security != "none":
        context = ssl.create_default_context(cafile=str(settings.ca_file) if settings.ca_file else None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
    return Relay(settings, password_of(settings), context)
