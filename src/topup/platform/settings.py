"""What an installation may be told: environment variables `TOPUP_…`, read once at the edge.

A setting that cannot be read is a sentence naming it, never a traceback.
"""

import os
import re
from collections.abc import Mapping
from decimal import Decimal
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Final, Self
from zoneinfo import available_timezones

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from topup.kernel.errors import Invalid
from topup.kernel.ids import MAXIMUM_LANES
from topup.platform.setting_rules import broken, rule_of

Network = IPv4Network | IPv6Network

_ADJUST_MOST: Final[Mapping[str, tuple[Decimal, Decimal]]] = {"": (Decimal(500), Decimal(2500))}
_ADJUST_DAILY: Final = 5
"""Times the most of one adjustment that a day's may come to, where a setting does not say."""
_ALONE: Final[Mapping[str, tuple[Decimal, Decimal]]] = {
    "refund.support": (Decimal(50), Decimal(500)),
    "refund.supervisor": (Decimal(200), Decimal(2000)),
    "refund.finance": (Decimal(200), Decimal(2000)),
    "refund.operator": (Decimal(200), Decimal(2000)),
    "transfer.support": (Decimal(200), Decimal(2000)),
    "transfer.finance": (Decimal(200), Decimal(2000)),
    "transfer.operator": (Decimal(200), Decimal(2000)),
    "difference.supervisor": (Decimal(5), Decimal(50)),
    "difference.finance": (Decimal(20), Decimal(200)),
    "difference.operator": (Decimal(20), Decimal(200)),
}
_FLOAT_ALARM: Final = re.compile(r"(?P<carrier>[a-z][a-z0-9_]{0,39})=(?P<least>\d{1,12}(?:\.\d{1,4})?)", re.ASCII)
_PROVIDER_FEE: Final = re.compile(
    r"(?P<method>[a-z][a-z0-9_]{0,40})=(?P<percent>[0-9]{1,2}(?:\.[0-9]{1,4})?)%(?:\+(?P<fixed>[0-9]{1,9}))?", re.ASCII
)
_ALONE_ROW: Final = re.compile(
    r"(?P<name>(?:refund|transfer|difference|voucher)\.(?:clerk|support|supervisor|finance|operator|auditor|security)(?:\.[A-Z]{3})?)"
    r"=(?P<each>[0-9]{1,15}(?:\.[0-9]{1,4})?)/(?P<daily>[0-9]{1,15}(?:\.[0-9]{1,4})?)",
    re.ASCII,
)
_CEILING: Final = re.compile(
    r"(?:(?P<currency>[A-Z]{3})=)?(?P<most>[0-9]{1,15}(?:\.[0-9]{1,4})?)"
    r"(?:/(?P<daily>[0-9]{1,15}(?:\.[0-9]{1,4})?))?",
    re.ASCII,
)


class WrongSetting(Invalid):
    """`setting_wrong`: one setting cannot be read; `name` is its variable, `rule` what it must be, with its `fact`
    (`platform.setting_rules`). Never the value.
    """


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
    demo_history: bool = True
    """Whether a demonstration gets somebody with three months behind them, once it is served."""
    lanes: int = Field(default=16, ge=1, le=MAXIMUM_LANES)
    """Lanes of a new installation; one that exists keeps what it was created with."""
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode] = ()
    """Networks (comma separated) whose X-Forwarded-* headers are believed; nobody else's are."""
    log_level: str = "info"
    time_zone: str = "UTC"
    """The IANA zone that staff are told times in, `Asia/Shanghai`."""
    payment_plugins: Annotated[tuple[str, ...], NoDecode] = ()
    """Third parties' entry points of `topup.payments` to load, by name."""
    carrier_plugins: Annotated[tuple[str, ...], NoDecode] = ()
    messenger_plugins: Annotated[tuple[str, ...], NoDecode] = ()
    device_plugins: Annotated[tuple[str, ...], NoDecode] = ()
    pool_size: int = Field(default=8, ge=1, le=100)
    """Pooled database connections of one process; batchers have their own beside them."""
    pool_wait_s: float = Field(default=5.0, gt=0)
    """How long a caller waits for a pooled connection before it is told `overloaded`."""
    adjust_most: Annotated[Mapping[str, tuple[Decimal, Decimal]], NoDecode] = Field(
        default_factory=lambda: dict(_ADJUST_MOST)
    )
    """Most that the command line, or a key, may give or take alone by one adjustment and in 24 hours, in major units:
    `500/2500`, or `500/2500,IDR=5000000/25000000` with currencies that have their own; under the empty name that of all
    the others. Without the second it is five times the first.
    """
    alone: Annotated[Mapping[str, tuple[Decimal, Decimal]], NoDecode] = Field(default_factory=lambda: dict(_ALONE))
    """How much one of the staff may decide alone, each time and in 24 hours, in major units; above it another decides.
    By what it is about (refund, transfer, difference, voucher), by role, and where need be by currency:
    `refund.support=50/500,refund.support.IDR=150000/1500000`. What is named takes the place of what stands here.
    """
    provider_fees: Annotated[Mapping[str, tuple[int, int]], NoDecode] = Field(default_factory=dict)
    """What providers are to keep of a payment, by method: `alipay=0.6%,stripe=2.9%+30`, the second in minor units of
    the payment's currency. Parts per million, and minor units. Of a method that is not named any possible fee is taken.
    """
    float_alarms: Annotated[Mapping[str, Decimal], NoDecode] = Field(default_factory=dict)
    """Below how much of a prepaid float at a carrier somebody is told, in major units: `acme=5000,other=200000`."""
    codes_per_address: int = Field(default=30, ge=1)
    """One-time codes that one address may cause in an hour. Behind a carrier's gateway many people share one."""
    staff_idle_min: int = Field(default=30, ge=1, le=240)
    """After how many minutes without use somebody of the staff is signed out."""
    staff_longest_h: int = Field(default=12, ge=1, le=24)
    """After how many hours in any case: a shift."""
    staff_fresh_min: int = Field(default=10, ge=1, le=120)
    """For how many minutes after a code or a passkey the staff move money without another one."""
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
            raise broken("networks") from None

    @field_validator("adjust_most", mode="before")
    @classmethod
    def _ceilings(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        found = [_CEILING.fullmatch(part) for part in _parts(value)]
        if not all(found):
            raise broken("ceilings")
        said = {match["currency"] or "": _each_and_daily(match) for match in found if match}
        return {**_ADJUST_MOST, **said}

    @field_validator("alone", mode="before")
    @classmethod
    def _limits(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        found = [_ALONE_ROW.fullmatch(part) for part in _parts(value)]
        if not all(found):
            raise broken("limits_alone")
        said = {match["name"]: (Decimal(match["each"]), Decimal(match["daily"])) for match in found if match}
        return {**_ALONE, **said}

    @field_validator("float_alarms", mode="before")
    @classmethod
    def _alarms(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        found = [_FLOAT_ALARM.fullmatch(part) for part in _parts(value)]
        if not all(found):
            raise broken("float_alarms")
        return {match["carrier"]: Decimal(match["least"]) for match in found if match}

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise broken("time_zone")
        return value

    @field_validator("provider_fees", mode="before")
    @classmethod
    def _fees(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        found = [_PROVIDER_FEE.fullmatch(part) for part in _parts(value)]
        if not all(found):
            raise broken("provider_fees")
        return {
            match["method"]: (int(Decimal(match["percent"]) * 10_000), int(match["fixed"] or 0))
            for match in found
            if match
        }

    @field_validator("payment_plugins", "carrier_plugins", "messenger_plugins", "device_plugins", mode="before")
    @classmethod
    def _names(cls, value: Any) -> Any:
        return tuple(_parts(value)) if isinstance(value, str) else value

    @field_validator("database_url")
    @classmethod
    def _of_postgresql(cls, value: SecretStr | None) -> SecretStr | None:
        # libpq's own words repeat the address, which may hold a password.
        if value is not None and not _is_conninfo(value.get_secret_value()):
            raise broken("postgresql")
        return value

    @field_validator("log_level")
    @classmethod
    def _level(cls, value: str) -> str:
        if value.lower() not in {"debug", "info", "warning", "error"}:
            raise broken("level")
        return value.lower()

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        try:
            return value.expanduser().absolute()
        except RuntimeError:
            raise broken("home") from None

    @field_validator("public_url")
    @classmethod
    def _reachable(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise broken("web_address")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _production_keeps_the_clock(self) -> Self:
        if self.clock_offset_s and not self.demo:
            raise broken("clock_of_demonstration")
        return self

    def adjust_ceiling(self, currency: str) -> tuple[Decimal, Decimal]:
        """Most that one adjustment, and those of 24 hours, may give or take alone in this currency, in major units."""
        return self.adjust_most.get(currency, self.adjust_most[""])

    @property
    def address(self) -> str:
        """`public_url`, or the address this process listens on."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.public_url or f"http://{host}:{self.port}"


def _each_and_daily(match: re.Match[str]) -> tuple[Decimal, Decimal]:
    most = Decimal(match["most"])
    return most, Decimal(match["daily"]) if match["daily"] else most * _ADJUST_DAILY


def load_settings(**overrides: Any) -> Settings:
    """Settings from the environment, `overrides` (a command's options) before it; raises WrongSetting."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = (
            "TOPUP_" + "_".join(str(part) for part in first["loc"][:1]).upper()
            if first["loc"]
            else "TOPUP_CLOCK_OFFSET_S"
        )
        raise WrongSetting("setting_wrong", name=name, who=None, **rule_of(first)) from None


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
