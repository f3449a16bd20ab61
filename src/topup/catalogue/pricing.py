"""What a top-up costs and what it brings: pure, from one version of a carrier's file.

The lines of a price always add up to its total. A product fee is taken out of the credit, so it stands beside the
credit that is left, and both together are the face value; only a payment fee is added on top.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from topup.catalogue.documents import AtCap, Credit
from topup.catalogue.fees import fee_minor, share_minor
from topup.catalogue.grant_rules import GrantRule, Names, ValidityRule
from topup.catalogue.quantities import quantity_text
from topup.catalogue.validity import Validity, validity_of
from topup.catalogue.versions import CarrierVersion
from topup.kernel.errors import Invalid
from topup.kernel.money import Money


class LineType(StrEnum):
    """What a line of a price is."""

    FACE = "face"
    """What is bought: credit, after the product fee, or a pack."""
    PRODUCT_FEE = "product_fee"
    """What the carrier keeps of the face value."""
    PAYMENT_FEE = "payment_fee"
    """What the chosen way of paying adds."""
    DISCOUNT = "discount"
    """What an offer takes off: negative."""
    TAX = "tax"
    """A tax that is added, where prices are without it."""


@dataclass(frozen=True, slots=True)
class QuoteLine:
    """One line of a price. Its words: the message `label_id` of the catalogue `catalogue`, filled with `parameters`.

    A parameter may hold a text per language (Names).
    """

    type: LineType
    amount: Money
    label_id: str
    parameters: dict[str, str | Names]


@dataclass(frozen=True, slots=True)
class Grant:
    """One thing to be credited, exactly once: `amount` (above 0) of `asset`, number `index` of its order, from 0.

    `scope` says what it may be used for as `services@zones`, each separated by commas; empty: for everything.
    `rule` says why it ends when it ends: `id`, a message id of the catalogue `catalogue`, and its `inputs`. A line has
    at most `cap` of the asset in buckets of this kind (None: no bound); `at_cap` says what becomes of more.
    """

    index: int
    asset: str
    amount: int
    kind: str
    scope: str
    priority: int
    validity: Validity
    rule: dict[str, Any]
    cap: int | None = None
    at_cap: AtCap = "refuse"


@dataclass(frozen=True, slots=True)
class Priced:
    """A price without its payment fee, which depends on how it is paid.

    `face` is the face value or the pack's price; `fees` has the fee in minor units of every payment method the file
    names, and a method it does not name costs nothing. `carrier_product` is what an outside carrier calls the thing.
    """

    face: Money
    lines: tuple[QuoteLine, ...]
    grants: tuple[Grant, ...]
    total_before_fee: Money
    fees: dict[str, int]
    carrier_product: str


def price(carrier: CarrierVersion, *, product: str | None, amount: Money | None, now: datetime) -> Priced:
    """The price of the pack `product`, or of `amount` of credit; exactly one of the two is given.

    Raises Invalid with code product_or_amount, product_unknown, currency_wrong, amount_not_offered (with the nearest
    ones that are), amount_too_small or amount_too_large, and amount_above_cap (with the `limit`) for more than a line
    may have at all.
    """
    if (product is None) == (amount is None):
        raise Invalid("product_or_amount")
    if product is not None:
        return _within_caps(carrier, _pack(carrier, product, now))
    assert amount is not None  # noqa: S101 - exactly one is given, as was just seen
    return _within_caps(carrier, _credit(carrier, amount, now))


def _within_caps(carrier: CarrierVersion, priced: Priced) -> Priced:
    """The price, unless not even a line that has nothing may have what it brings."""
    for (asset, kind), cap in carrier.caps.items():
        brings = sum(grant.amount for grant in priced.grants if (grant.asset, grant.kind) == (asset, kind))
        if carrier.is_own_network and cap.at_cap == "refuse" and brings > cap.amount:
            raise Invalid("amount_above_cap", limit=quantity_text(asset, cap.amount))
    return priced


def _pack(carrier: CarrierVersion, product: str, now: datetime) -> Priced:
    pack = carrier.packs.get(product)
    if pack is None:
        raise Invalid("product_unknown")
    face = Money(pack.price_minor, carrier.currency)
    line = QuoteLine(LineType.FACE, face, "line_pack", {"name": pack.names})
    return Priced(
        face=face,
        lines=(line,),
        grants=grants_of(carrier, granted_on(pack.grants, pack.price_minor), now),
        total_before_fee=face,
        fees=_payment_fees(carrier, face),
        carrier_product=pack.carrier_code or pack.id,
    )


def _credit(carrier: CarrierVersion, amount: Money, now: datetime) -> Priced:
    credit = carrier.document.credit
    if amount.currency != carrier.currency:
        raise Invalid("currency_wrong", currency=carrier.currency)
    if credit is None or not _is_offered(carrier, credit, amount.amount_minor):
        raise _not_offered(carrier, amount.amount_minor)
    fee = fee_minor(carrier.document.fees.product, amount.amount_minor)
    left = Money(amount.amount_minor - fee, carrier.currency)
    tier = credit.tier(amount.amount_minor)
    validity = tier.validity or credit.validity
    main = GrantRule(carrier.currency, left.amount_minor, "main", credit.priority, (), (), validity)
    value = carrier.face_values.get(amount.amount_minor)
    bonus = tier.bonus + (value.bonus if value else ())
    return Priced(
        face=amount,
        lines=_credit_lines(amount, left, fee),
        grants=grants_of(carrier, (main, *granted_on(bonus, amount.amount_minor)), now),
        total_before_fee=amount,
        fees=_payment_fees(carrier, amount),
        carrier_product="credit",
    )


def _credit_lines(amount: Money, left: Money, fee: int) -> tuple[QuoteLine, ...]:
    if not fee:
        return (QuoteLine(LineType.FACE, amount, "line_face", {}),)
    face: dict[str, str | Names] = {"face": amount.to_major(), "currency": amount.currency}
    return (
        QuoteLine(LineType.FACE, left, "line_credit_after_fee", face),
        QuoteLine(LineType.PRODUCT_FEE, Money(fee, amount.currency), "line_product_fee", {}),
    )


def _payment_fees(carrier: CarrierVersion, total: Money) -> dict[str, int]:
    return {method: fee_minor(steps, total.amount_minor) for method, steps in carrier.document.fees.payment.items()}


def with_offers(
    carrier: CarrierVersion,
    priced: Priced,
    *,
    lines: tuple[QuoteLine, ...],
    grants: tuple[GrantRule, ...],
    now: datetime,
) -> Priced:
    """The price with what offers take off and give besides: `lines` are their discounts, negative, and `grants` what
    they credit. The fees go by what is left to pay.
    """
    if not lines and not grants:
        return priced
    off = sum(line.amount.amount_minor for line in lines)
    total = Money(priced.total_before_fee.amount_minor + off, priced.total_before_fee.currency)
    more = grants_of(carrier, grants, now, start=len(priced.grants))
    return replace(
        priced,
        lines=priced.lines + lines,
        grants=priced.grants + more,
        total_before_fee=total,
        fees=_payment_fees(carrier, total),
    )


def granted_on(rules: tuple[GrantRule, ...], paid_minor: int) -> tuple[GrantRule, ...]:
    """The rules with shares of what was paid as amounts; a share that comes to nothing is none."""
    amounts = (
        share_minor(paid_minor, rule.rate_ppm, rule.rounding) if rule.rate_ppm else rule.amount for rule in rules
    )
    return tuple(replace(rule, amount=amount) for rule, amount in zip(rules, amounts, strict=True) if amount)


def grants_of(
    carrier: CarrierVersion, rules: tuple[GrantRule, ...], now: datetime, *, start: int = 0
) -> tuple[Grant, ...]:
    """What the rules grant at `now`, numbered from `start`. Grants with one rule of validity share its date."""
    dates: dict[ValidityRule, tuple[Validity, dict[str, Any]]] = {}
    grants = []
    for index, rule in enumerate(rules, start):
        # By balance: of this grant alone. What the line has beside it only the ledger knows.
        found = None if rule.validity.tiers else dates.get(rule.validity)
        found = found or validity_of(rule.validity, carrier.zone, now, balance=rule.amount, asset=rule.asset)
        dates[rule.validity] = validity, why = found
        cap = carrier.caps.get((rule.asset, rule.kind))
        bound = (cap.amount, cap.at_cap) if cap else (None, "refuse")
        grant = Grant(index, rule.asset, rule.amount, rule.kind, scope_of(rule), rule.priority, validity, why, *bound)
        grants.append(grant)
    return tuple(grants)


def scope_of(rule: GrantRule) -> str:
    """What a grant may be used for, as one text: `data`, `data,voice@home`, `@home`, or nothing for everything."""
    services = ",".join(sorted(rule.services))
    return f"{services}@{','.join(sorted(rule.zones))}" if rule.zones else services


def _is_offered(carrier: CarrierVersion, credit: Credit, amount_minor: int) -> bool:
    return amount_minor in carrier.face_values or (credit.free is not None and credit.free.offers(amount_minor))


def _not_offered(carrier: CarrierVersion, amount_minor: int) -> Invalid:
    """The refusal that helps: the bound that was passed, or the offered amounts on both sides."""
    below, above = _neighbours(carrier, amount_minor)
    if below is None and above is None:
        return Invalid("amount_not_offered", nearest=[], currency=carrier.currency)
    if below is None and above is not None:
        return Invalid("amount_too_small", minimum=_major(carrier, above), currency=carrier.currency)
    if above is None and below is not None:
        return Invalid("amount_too_large", maximum=_major(carrier, below), currency=carrier.currency)
    nearest = [_major(carrier, value) for value in (below, above) if value is not None]
    return Invalid("amount_not_offered", nearest=nearest, currency=carrier.currency)


def _neighbours(carrier: CarrierVersion, amount_minor: int) -> tuple[int | None, int | None]:
    """The largest offered amount below and the smallest above an amount that is not offered."""
    offered = set(carrier.face_values)
    credit = carrier.document.credit
    free = credit.free if credit else None
    if free is not None:
        offered |= {free.minimum_minor, free.largest_minor()}
        inside = free.minimum_minor < amount_minor < free.largest_minor()
        if inside:
            under = amount_minor - (amount_minor - free.minimum_minor) % free.step_minor
            offered |= {under, under + free.step_minor}
    below = max((value for value in offered if value < amount_minor), default=None)
    above = min((value for value in offered if value > amount_minor), default=None)
    return below, above


def _major(carrier: CarrierVersion, amount_minor: int) -> str:
    return Money(amount_minor, carrier.currency).to_major()
