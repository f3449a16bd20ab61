"""What an operator sets, and where the two kinds of secrets come from: files, or variables of the environment."""

import os
from pathlib import Path
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from topup.plugins.payments.stripe.amounts import CURRENCIES

LIVE: Final = ("sk_live_", "rk_live_")
TEST: Final = ("sk_test_", "rk_test_")
WEBHOOK_SECRET: Final = "whsec_"  # noqa: S105 - how each of them begins, not one of them


class StripeSettings(BaseModel):
    """The keys by file or by the name of an environment variable; `livemode` says which kind they must be.

    The file of webhook secrets holds one per line: two while a secret is being rolled, or where two endpoints of the
    account send here.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    livemode: bool
    base_url: str = "https://api.stripe.com"
    secret_key_file: Path | None = None
    secret_key_env: str = ""
    webhook_secrets_file: Path | None = None
    webhook_secrets_env: str = ""
    account_id: str = Field(default="", pattern=r"^(acct_[A-Za-z0-9]+)?$")
    """Of the account (`acct_…`). Where it is set, doctor compares it, and events of another one are rejected."""
    currencies: frozenset[str] = frozenset()
    """What is taken; empty for everything that Stripe takes."""
    pays_in: tuple[str, ...] = Field(default=(), max_length=8)
    """Currencies that a price in another one may be paid in, in the order they are offered."""
    rates_file: Path | None = None
    """The rates for them (`platform.rates`); read again whenever it was written."""
    timeout_s: float = Field(default=10.0, gt=0, le=20)
    """Of one call. Who takes a payment up owns it for a minute."""

    @model_validator(mode="after")
    def _one_source_each(self) -> Self:
        for what, file, variable in (
            ("secret_key", self.secret_key_file, self.secret_key_env),
            ("webhook_secrets", self.webhook_secrets_file, self.webhook_secrets_env),
        ):
            if (file is None) == (not variable):
                raise ValueError(f"give {what}_file or {what}_env, one of the two")
        return self

    @model_validator(mode="after")
    def _rates_for_what_is_paid(self) -> Self:
        if bool(self.pays_in) != (self.rates_file is not None):
            raise ValueError("pays_in and rates_file go together")
        if strange := sorted(set(self.pays_in) - CURRENCIES):
            raise ValueError(f"pays_in: Stripe does not take {', '.join(strange)}")
        return self


def secret_key(settings: StripeSettings) -> str:
    """The API key. Raises OSError where it cannot be read, ValueError where it is none or of the other mode."""
    text = _read(settings.secret_key_file, settings.secret_key_env).strip()
    if not text.startswith(LIVE + TEST) or not text.isascii() or len(text.split()) != 1:
        raise ValueError("this is no secret or restricted key of Stripe")
    if text.startswith(LIVE) != settings.livemode:
        raise ValueError("the key is of the other mode than the setting livemode says")
    return text


def webhook_secrets(settings: StripeSettings) -> tuple[str, ...]:
    """The signing secrets of our endpoints, at least one. Raises OSError or ValueError."""
    secrets = tuple(_read(settings.webhook_secrets_file, settings.webhook_secrets_env).split())
    if not secrets or not all(secret.startswith(WEBHOOK_SECRET) and secret.isascii() for secret in secrets):
        raise ValueError("these are no webhook secrets of Stripe: one per line, each begins with whsec_")
    return secrets


def _read(file: Path | None, variable: str) -> str:
    if file is not None:
        return file.read_text("utf-8")
    text = os.environ.get(variable, "")
    if not text:
        raise ValueError(f"the environment variable {variable} is not set")
    return text
