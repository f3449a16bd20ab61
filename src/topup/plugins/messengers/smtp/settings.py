"""What an operator sets for mail, and where its one secret comes from: a file, or a variable of the environment."""

import os
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.utils import parseaddr
from ipaddress import ip_address
from pathlib import Path
from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Security = Literal["starttls", "tls", "none"]

_PORTS: Final[dict[Security, int]] = {"starttls": 587, "tls": 465, "none": 25}
"""Submission (RFC 6409), submission with TLS from the first byte (RFC 8314), and a relay on this machine."""


class SmtpSettings(BaseModel):
    """The relay that takes our mail, and who it is from."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    host: str = Field(min_length=1, max_length=253)
    sender: str
    """`Topup <no-reply@topup.example>`, or the address alone."""
    security: Security = "starttls"
    """`none` is for a relay on this machine only."""
    port: int | None = Field(default=None, ge=1, le=65_535)
    """None: the usual one, 587 with `starttls`, 465 with `tls`, 25 with `none`."""
    username: str = ""
    password_file: Path | None = None
    password_env: str = ""
    reply_to: str = ""
    """Where answers go; empty: to the sender."""
    ca_file: Path | None = None
    """The authority that signed the relay's certificate, where it is not one of those this machine trusts."""
    timeout_s: float = Field(default=15.0, gt=0, le=18)
    """Of each of the three parts of a call: signing in, naming the addresses, handing over."""

    @field_validator("sender", "reply_to")
    @classmethod
    def _an_address(cls, value: str) -> str:
        if value:
            address_of(value)
        return value

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.password_file is not None and self.password_env:
            raise ValueError("give password_file or password_env, not both")
        if bool(self.username) != bool(self.password_file or self.password_env):
            raise ValueError("username goes with password_file or password_env")
        return self

    @model_validator(mode="after")
    def _in_the_clear_only_here(self) -> Self:
        if self.security == "none" and not _is_this_machine(self.host):
            raise ValueError("security is none only for a relay on this machine")
        return self

    @property
    def at_port(self) -> int:
        """The port to call."""
        return self.port or _PORTS[self.security]


def address_of(text: str) -> Address:
    """The name and the address in `Name <local@domain>`. Raises ValueError."""
    name, spec = parseaddr(text)
    if not spec or "@" not in spec or not text.isprintable():
        raise ValueError("not an e-mail address")
    try:
        return Address(display_name=name, addr_spec=spec)
    except (IndexError, HeaderParseError) as error:  # the standard library fails so on an odd text
        raise ValueError("not an e-mail address") from error


def password_of(settings: SmtpSettings) -> str:
    """The password; empty where none is set. Raises OSError where it cannot be read, ValueError where there is none."""
    if settings.password_file is not None:
        text = settings.password_file.read_text("utf-8").strip()
    elif settings.password_env:
        text = os.environ.get(settings.password_env, "").strip()
    else:
        return ""
    if not text or not text.isprintable():
        raise ValueError("there is no password where the settings say")
    return text


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
