"""What an installation may be told: environment variables `TOPUP_…`, read once at the edge.

A setting that cannot be read is a sentence naming it, never a traceback.
"""

import os
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from topup.kernel.errors import Invalid
from topup.kernel.ids import MAXIMUM_LANES

Network = IPv4Network | IPv6Network


class WrongSetting(Invalid):
    """`setting_wrong`: one setting cannot be read; `name` is its variable, `reason` what is wrong. Never the value."""


def default_data_dir() -> Path:
    """`$XDG_DATA_HOME/topup`, else `~/.local/share/topup` (XDG Base Directory Specification)."""
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "topup"


class Settings(BaseSettings):
    """The settings of one process. Immutable: what tests move (the clock) lives in the `Database`."""

    model_config = SettingsConfigDict(
        env_prefix="TOPUP_", frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True
    )

    data_dir: Path = Field(default_factory=default_data_dir)
    """Keys, logs, and the embedded database; only its owner may enter."""
    database_url: SecretStr | None = None
    """A PostgreSQL of one's own (15 or later); without it the embedded one is started or joined."""
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65_535)
    public_url: str = ""
    """How the outside reaches us, without a slash at the end: links, redirects and QR codes begin with it."""
    demo: bool = False
    """Development mode: simulators and magic, on loopback only; `topup serve --demo` turns it on."""
    lanes: int = Field(default=16, ge=1, le=MAXIMUM_LANES)
    """Lanes of a new installation; one that exists keeps what it was created with."""
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode] = ()
    """Networks (comma separated) whose X-Forwarded-* headers are believed; nobody else's are."""
    log_level: str = "info"
    payment_plugins: Annotated[tuple[str, ...], NoDecode] = ()
    """Third parties' entry points of `topup.payments` to load, by name."""
    carrier_plugins: Annotated[tuple[str, ...], NoDecode] = ()
    messenger_plugins: Annotated[tuple[str, ...], NoDecode] = ()
    pool_size: int = Field(default=8, ge=1, le=100)
    """Pooled database connections of one process; batchers have their own beside them."""
    pool_wait_s: float = Field(default=5.0, gt=0)
    """How long a caller waits for a pooled connection before it is told `overloaded`."""
    statement_timeout_s: float = Field(default=30.0, gt=0)
    clock_offset_s: float = 0.0
    """Added to the database's time; only development mode may set it."""

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _networks(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return tuple(ip_network(part) for part in _parts(value))
        except ValueError:
            # Its own words repeat the value, which may be something else that slipped in here.
            raise ValueError("networks such as 10.0.0.0/8, with commas between them") from None

    @field_validator("payment_plugins", "carrier_plugins", "messenger_plugins", mode="before")
    @classmethod
    def _names(cls, value: Any) -> Any:
        return tuple(_parts(value)) if isinstance(value, str) else value

    @field_validator("database_url")
    @classmethod
    def _of_postgresql(cls, value: SecretStr | None) -> SecretStr | None:
        # libpq's own words repeat the address, which may hold a password.
        if value is not None and not _is_conninfo(value.get_secret_value()):
            raise ValueError("no address of a PostgreSQL database, such as postgresql://user@host/name")
        return value

    @field_validator("log_level")
    @classmethod
    def _level(cls, value: str) -> str:
        if value.lower() not in {"debug", "info", "warning", "error"}:
            raise ValueError("one of debug, info, warning, error")
        return value.lower()

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        try:
            return value.expanduser().absolute()
        except RuntimeError:
            raise ValueError("begins with ~, and that user has no home directory") from None

    @field_validator("public_url")
    @classmethod
    def _reachable(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("begins with http:// or https://")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _production_keeps_the_clock(self) -> Self:
        if self.clock_offset_s and not self.demo:
            raise ValueError("clock_offset_s moves the clock of a demonstration only")
        return self

    @property
    def address(self) -> str:
        """`public_url`, or the address this process listens on."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.public_url or f"http://{host}:{self.port}"


def load_settings(**overrides: Any) -> Settings:
    """Settings from the environment, `overrides` (a command's options) before it; raises WrongSetting."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = "TOPUP_" + "_".join(str(part) for part in first["loc"][:1]).upper() if first["loc"] else "TOPUP_*"
        raise WrongSetting("setting_wrong", name=name, reason=first["msg"].removeprefix("Value error, ")) from None


def prepare_data_dir(path: Path) -> Path:
    """The data directory, made for its owner alone (0700) where it does not exist; raises WrongSetting."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise WrongSetting("data_dir_unusable", path=str(path), reason=error.strerror or "unknown") from error
    return path


def _is_conninfo(text: str) -> bool:
    from psycopg import ProgrammingError  # noqa: PLC0415 - slow to load, and most processes are given no address
    from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415

    try:
        conninfo_to_dict(text)
    except (ProgrammingError, UnicodeError):
        return False
    return True


def _parts(value: str) -> list[str]:
    return [part.strip() for part in value.split(",") if part.strip()]
