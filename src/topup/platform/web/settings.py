"""What an operator may tell the web side: environment variables `TOPUP_WEB_…`."""

from typing import Any

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from topup.platform.setting_rules import rule_of
from topup.platform.settings import WrongSetting


class WebSettings(BaseSettings):
    """Limits of one process.

    Rates are requests of one address in a minute, all of which may come at once; 0: no limit.
    """

    model_config = SettingsConfigDict(
        env_prefix="TOPUP_WEB_", frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True
    )

    numbers_per_minute: int = Field(default=240, ge=0)
    """Looking up numbers and their products."""
    quotes_per_minute: int = Field(default=120, ge=0)
    orders_per_minute: int = Field(default=60, ge=0)
    """Orders and payments begun, and cancellations."""
    reads_per_minute: int = Field(default=600, ge=0)
    """Looking at quotes, orders and receipts."""
    keys_per_minute: int = Field(default=60, ge=0)
    """Calls with an API key that turns out to be wrong."""
    sign_ins_per_minute: int = Field(default=20, ge=0)
    """Attempts to sign in, of staff and of subscribers, and codes asked for; each account is limited besides."""
    console_per_minute: int = Field(default=600, ge=0)
    """Pages of the console, and decisions made there."""
    displays_per_minute: int = Field(default=5, ge=0)
    """Customers' displays that are given a code: of 200 at a time no address has many."""
    body_limit_bytes: int = Field(default=65_536, ge=1024)
    body_timeout_s: float = Field(default=20.0, gt=0)
    """How long a body may take to arrive."""
    slow_request_s: float = Field(default=1.0, gt=0)
    """An answer that took longer is logged."""

    def rates(self) -> dict[str, int]:
        """Requests a minute by kind of request."""
        return {
            "number": self.numbers_per_minute,
            "quote": self.quotes_per_minute,
            "order": self.orders_per_minute,
            "read": self.reads_per_minute,
            "key": self.keys_per_minute,
            "sign_in": self.sign_ins_per_minute,
            "console": self.console_per_minute,
            "display": self.displays_per_minute,
        }


def load_web_settings(**overrides: Any) -> WebSettings:
    """Settings from the environment, `overrides` before it; raises WrongSetting."""
    try:
        return WebSettings(**overrides)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = "TOPUP_WEB_" + "_".join(str(part) for part in first["loc"][:1]).upper()
        raise WrongSetting("setting_wrong", name=name, who=None, **rule_of(first)) from None
