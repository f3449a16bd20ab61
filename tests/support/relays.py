"""Mail relays that tests run themselves: a real SMTP server with a real certificate, which may be told to misbehave."""

import asyncio
import ipaddress
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

USER, PASSWORD = "topup", "correct horse"


@dataclass
class Relay:
    """Where it listens, what it has taken, and what it answers (`250 OK` unless told) to each command."""

    port: int = 0
    letters: list[EmailMessage] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    hang_up_after_content: bool = False
    silent_after_content: bool = False

    async def handle_MAIL(self, _server, _session, envelope: Envelope, address: str, _options) -> str:  # noqa: N802
        envelope.mail_from = address
        return self.answers.get("MAIL", "250 OK")

    async def handle_RCPT(self, _server, _session, envelope: Envelope, address: str, _options) -> str:  # noqa: N802
        envelope.rcpt_tos.append(address)
        return self.answers.get("RCPT", "250 OK")

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.hang_up_after_content:
            server.transport.abort()
        if self.silent_after_content:
            await asyncio.sleep(3600)
        answer = self.answers.get("DATA", "250 OK")
        if answer.startswith("250"):
            letter = message_from_bytes(envelope.content, policy=default)
            letter["X-Envelope"] = f"{envelope.mail_from} {envelope.rcpt_tos}"
            self.letters.append(letter)
        return answer


@asynccontextmanager
async def relay(folder: Path, *, security: str, sign_in: bool = True) -> AsyncIterator[Relay]:
    """A relay on loopback; its authority is `folder/authority.pem`."""
    there = Relay()
    context = certified(folder) if security != "none" else None

    def authenticated(_server, _session, _envelope, _mechanism, data) -> AuthResult:
        right = isinstance(data, LoginPassword) and (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=right, handled=False)

    def made() -> SMTP:
        return SMTP(
            there,
            hostname="relay.example",
            tls_context=context if security == "starttls" else None,
            require_starttls=security == "starttls",
            authenticator=authenticated,
            # Its own warning against this does not see that the whole connection is in TLS.
            auth_required=sign_in and security != "tls",
            auth_require_tls=security == "starttls",
            loop=asyncio.get_running_loop(),
        )

    outer = context if security == "tls" else None
    server = await asyncio.get_running_loop().create_server(made, "127.0.0.1", 0, ssl=outer)
    there.port = server.sockets[0].getsockname()[1]
    try:
        yield there
    finally:
        server.close()


def certified(folder: Path, *, lasts: timedelta = timedelta(days=30)) -> ssl.SSLContext:
    """A server's context whose certificate is good for 127.0.0.1; made now, as is its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "relay.example")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + lasts)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    (folder / "authority.pem").write_bytes(pem)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "relay.pem").write_bytes(private + pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "relay.pem")
    return context
