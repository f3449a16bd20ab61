"""What a carrier offers, described for a page, an API or a voice: words are message ids with parameters."""

from dataclasses import dataclass
from enum import StrEnum

from topup.catalogue.documents import FaceValue, FreeAmounts, Pack
from topup.catalogue.grant_rules import GrantRule, Names, ValidityRule
from topup.catalogue.pricing import granted_on
from topup.catalogue.quantities import amount_text
from topup.catalogue.versions import CarrierVersion
from topup.kernel.money import Money


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
        return _span(self.days, self.months)


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
    bonus = tuple(grant_text(rule) for rule in granted_on(value.bonus, value.amount_minor))
    return Offer(OfferKind.CREDIT, None, price, None, value.label, bonus)


def _pack(carrier: CarrierVersion, pack: Pack) -> Offer:
    price = Money(pack.price_minor, carrier.currency)
    grants = tuple(grant_text(rule) for rule in granted_on(pack.grants, pack.price_minor))
    return Offer(OfferKind.PACK, pack.id, price, pack.names, pack.label, grants)


def grant_text(rule: GrantRule) -> GrantText:
    """A grant in words."""
    label_id, parameters = amount_text(rule.asset, rule.amount)
    validity = rule.validity
    return GrantText(label_id, parameters, _validity_id(validity), validity.days, validity.months)


def validity_text(rule: ValidityRule) -> tuple[str, dict[str, int]]:
    """How long something lasts, in words: a message id and its parameters."""
    return _validity_id(rule), _span(rule.days, rule.months)


def _span(days: int | None, months: int | None) -> dict[str, int]:
    return {name: span for name, span in (("days", days), ("months", months)) if span is not None}


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
