"""What `topup doctor` finds out about mail: the password, the relay, its certificate, and whether it lets us in."""

import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from aiosmtplib import SMTP, SMTPException
from aiosmtplib.errors import SMTPAuthenticationError

from topup.platform.plugs import Finding, Health
from topup.plugins.messengers.smtp.messenger import relay_of
from topup.plugins.messengers.smtp.relay import code_of
from topup.plugins.messengers.smtp.settings import SmtpSettings

_SOON: Final = timedelta(days=7)


async def check(settings: SmtpSettings, _client: Any, now: datetime) -> Sequence[Finding]:
    """Every finding. Connects and signs in; sends nothing."""
    try:
        relay = relay_of(settings)
    except (OSError, ValueError) as error:
        reason = (error.strerror or type(error).__name__) if isinstance(error, OSError) else str(error)
        return [Finding("password", Health.WRONG, "smtp.file_unreadable", {"reason": reason})]
    client, place = relay.client(), {"host": settings.host, "port": settings.at_port}
    try:
        await relay.sign_in(client)
        certificate = _certificate(client, now)
        await client.quit()
    except SMTPAuthenticationError as error:
        refused = Finding("password", Health.WRONG, "smtp.sign_in_refused", {"reason": code_of(error)})
        return [Finding("reachable", Health.FINE), refused]
    except (SMTPException, OSError) as error:
        if isinstance(error.__cause__ or error, ssl.SSLError):
            return [Finding("certificate", Health.WRONG, "smtp.certificate_wrong", {**place, "reason": code_of(error)})]
        return [Finding("reachable", Health.WRONG, "smtp.unreachable", {**place, "reason": code_of(error)})]
    finally:
        client.close()
    return [Finding("reachable", Health.FINE), *certificate, Finding("password", Health.FINE)]


def _certificate(client: SMTP, now: datetime) -> list[Finding]:
    """How long the relay's certificate still holds; nothing where the connection is in the clear."""
    shown = client.get_transport_info("peercert")
    if not shown:
        return []
    ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(shown["notAfter"]), UTC)
    if ends - now < _SOON:
        return [Finding("certificate", Health.SOON, "smtp.certificate_ends_soon", {"ends": ends.date().isoformat()})]
    return [Finding("certificate", Health.FINE)]
