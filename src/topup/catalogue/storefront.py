"""What a carrier offers, described for a page, an API or a voice: words are message ids with parameters."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from topup.catalogue.documents import FaceValue, FreeAmounts, GrantRule, Names, Pack, ValidityRule
from topup.catalogue.versions import CarrierVersion
from topup.kernel.money import Money

_DATA_UNITS: Final = (
    (2**40, "TB"),
    (10**12, "TB"),
    (2**30, "GB"),
    (10**9, "GB"),
    (2**20, "MB"),
    (10**6, "MB"),
    (2**10, "KB"),
    (10**3, "KB"),
)
_HALVES: Final = 2
"""1.5 GB is said so, not as 1536 MB."""


class OfferKind(StrEnum):
    """What is offered."""

    CREDIT = "credit"
    """A face value: bought by its `amount`."""
    FREE = "free"
    """Credit of an amount of the payer's choice between bounds."""
    PACK = "pack"
    """A product: bought by its `product` id."""


@dataclass(frozen=True, slots=True)
class GrantText:
    """What a grant is, in words: message `label_id` with `parameters`, then `validity_id` with `span`."""

    label_id: str
    parameters: dict[str, str]
    validity_id: str
    days: int | None
    months: int | None = None

    @property
    def span(self) -> dict[str, int]:
        """The parameters of `validity_id`: `days` or `months`, where it ends after so many."""
        spans = {"days": self.days, "months": self.months}
        return {name: span for name, span in spans.items() if span is not None}


@dataclass(frozen=True, slots=True)
class Offer:
    """One thing a person can choose.

    `price` is without payment fee, and None for free amounts, which have `free` instead. `names` is None for credit,
    whose name is its amount. `label` is a word to show beside it, if the operator gave one.
    """

    kind: OfferKind
    product: str | None
    price: Money | None
    names: Names | None
    label: Names | None
    grants: tuple[GrantText, ...]
    free: FreeAmounts | None = None


def products_for(carrier: CarrierVersion) -> list[Offer]:
    """Everything on offer: face values ascending, the free amounts, then packs in the order of the file."""
    credit = carrier.document.credit
    offers = [_face_value(carrier, value) for value in carrier.face_values.values()]
    if credit is not None and credit.free is not None:
        offers.append(Offer(OfferKind.FREE, None, None, None, None, (), credit.free))
    return offers + [_pack(carrier, pack) for pack in carrier.packs.values()]


def _face_value(carrier: CarrierVersion, value: FaceValue) -> Offer:
    price = Money(value.amount_minor, carrier.currency)
    bonus = tuple(grant_text(rule) for rule in value.bonus)
    return Offer(OfferKind.CREDIT, None, price, None, value.label, bonus)


def _pack(carrier: CarrierVersion, pack: Pack) -> Offer:
    price = Money(pack.price_minor, carrier.currency)
    grants = tuple(grant_text(rule) for rule in pack.grants)
    return Offer(OfferKind.PACK, pack.id, price, pack.names, pack.label, grants)


def grant_text(rule: GrantRule) -> GrantText:
    """A grant in words."""
    label_id, parameters = amount_text(rule.asset, rule.amount)
    validity = rule.validity
    return GrantText(label_id, parameters, _validity_id(validity), validity.days, validity.months)


def _validity_id(validity: ValidityRule) -> str:
    if validity.tiers:
        return "validity_balance"
    if validity.months is not None:
        if validity.ends != "month_end":
            return "validity_months"
        return "validity_months_to_end" if validity.months else "validity_month_end"
    if validity.days is None:
        return "validity_never"
    return "validity_days_to_end" if validity.ends == "month_end" else "validity_days"


def amount_text(asset: str, amount: int) -> tuple[str, dict[str, str]]:
    """Message id and parameters that say `amount` of `asset`: `1.5 GB`, `90 minutes`, `20 messages`, `10.00 CNY`."""
    if asset == "DATA":
        return "grant_data", _data(amount)
    if asset == "VOICE":
        minutes, seconds = divmod(amount, 60)
        return ("grant_seconds", {"count": str(amount)}) if seconds else ("grant_minutes", {"count": str(minutes)})
    if asset == "SMS":
        return "grant_messages", {"count": str(amount)}
    return "grant_credit", {"amount": Money(amount, asset).to_major(), "currency": asset}


def _data(count: int) -> dict[str, str]:
    """The largest unit, of 1024 or of 1000, of which it is a whole or half number; never said larger than it is."""
    for size, unit in _DATA_UNITS:
        halves, rest = divmod(count * _HALVES, size)
        if rest == 0 and halves >= _HALVES:
            return {"count": f"{halves // 2}{'.5' if halves % 2 else ''}", "unit": unit}
    return {"count": str(count), "unit": "B"}
