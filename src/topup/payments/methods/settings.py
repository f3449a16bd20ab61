"""The settings of the ways to pay that are of the house itself: their tables in `plugins.toml`."""

import re
from collections.abc import Mapping
from typing import Final, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

_IBAN: Final = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}", re.ASCII)
_IBAN_CHECK: Final = 97


class BalanceSettings(BaseModel):
    """`[payments.balance]` has no settings: which lines may pay is in their carriers' files."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class VoucherSettings(BaseModel):
    """`[payments.voucher]` has no settings: what there is to redeem is made by `topup vouchers`."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class CsvMapping(BaseModel):
    """`[payments.bank_transfer.csv]`: what the columns of the bank's CSV are called in its first line.

    `amount` below zero left the account; or `credit` and `debit` stand apart. All columns of `text` are searched for
    the reference.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    date: str
    date_format: str = "%Y-%m-%d"
    amount: str = ""
    credit: str = ""
    debit: str = ""
    currency: str = ""
    reference: str = ""
    text: tuple[str, ...] = Field(min_length=1)
    payer: str = ""
    payer_account: str = ""
    delimiter: str = Field(";", min_length=1, max_length=1)
    decimal: str = Field(".", pattern=r"^[.,]$")
    encoding: str = "utf-8-sig"
    skip_lines: int = Field(0, ge=0, le=100)

    @model_validator(mode="after")
    def _has_an_amount(self) -> Self:
        if bool(self.amount) == bool(self.credit):
            raise ValueError("amount, or credit and debit")
        return self


class BankTransferSettings(BaseModel):
    """`[payments.bank_transfer]`: the account that payers send money to, and how its statements are read.

    `account` is an IBAN, or the number the country writes. Orders may be paid for `payable_days`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    payee: str = Field(min_length=1, max_length=140)
    account: str = Field(min_length=4, max_length=34)
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    bic: str = Field("", pattern=r"^([A-Z]{6}[A-Z0-9]{2}([A-Z0-9]{3})?)?$")
    bank: str = Field("", max_length=140)
    zone: str = "UTC"
    payable_days: int = Field(7, ge=1, le=60)
    csv: CsvMapping | None = None

    @field_validator("account")
    @classmethod
    def _plain_account(cls, text: str) -> str:
        plain = re.sub(r"\s", "", text).upper()
        if _IBAN.fullmatch(plain) and not is_iban(plain):
            raise ValueError("an IBAN whose check digits are wrong")
        return plain

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, text: str) -> str:
        if text not in available_timezones():
            raise ValueError("an IANA time zone")
        return text

    @property
    def time_zone(self) -> ZoneInfo:
        """In which the bank's days begin and end."""
        return ZoneInfo(self.zone)

    @property
    def is_sepa(self) -> bool:
        """Whether a banking app of the euro area can read all of it from a QR code."""
        return self.currency == "EUR" and is_iban(self.account)


def is_iban(text: str) -> bool:
    """Whether it is an IBAN with the right check digits (ISO 13616), without spaces."""
    if _IBAN.fullmatch(text) is None:
        return False
    digits = "".join(str(int(letter, 36)) for letter in text[4:] + text[:4])
    return int(digits) % _IBAN_CHECK == 1


class CashSettings(BaseModel):
    """`[payments.cash]` has no settings: tills are opened by whoever keeps them."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class CardTerminalSettings(BaseModel):
    """`[payments.card_terminal]` has no settings: what a terminal printed is entered by whoever stands at it."""

    model_config = ConfigDict(frozen=True, extra="forbid")


OWN: Final[Mapping[str, type[BaseModel]]] = {
    "balance": BalanceSettings,
    "bank_transfer": BankTransferSettings,
    "card_terminal": CardTerminalSettings,
    "cash": CashSettings,
    "voucher": VoucherSettings,
}
"""By the method's name."""
