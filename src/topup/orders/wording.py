"""What orders, prices and receipts say, in the reader's language: the same words on every channel."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import get_timezone_location

from topup.catalogue.quantities import amount_text
from topup.kernel.money import Money, is_currency
from topup.orders.views import OrderView, QuoteGrant
from topup.platform.i18n import DEFAULT_LOCALE, format_date, format_datetime, format_money, has_text, translate


def name_in(names: Mapping[str, str], *, locale: str) -> str:
    """The one of a text's languages this reader reads, else the default one."""
    return names.get(locale) or names[DEFAULT_LOCALE]


def method_name(method: str, *, locale: str) -> str:
    """The name of a way to pay; one that has no text is called by its plugin's name."""
    message_id = f"method.{method}"
    return translate(locale, "orders", message_id) if has_text("orders", message_id) else method


def returned_words(order: OrderView, *, locale: str) -> list[str]:
    """What became of money that came and could not pay the order, a sentence or two for each such payment."""
    return [
        translate(
            locale,
            "orders",
            f"returned.{money.reason}.{money.standing}",
            amount=format_money(money.amount, locale),
            **({"time": format_datetime(money.at, locale, zone=order.zone)} if money.at else {}),
        )
        for payment in order.payments
        for money in payment.returned
    ]


def amount_words(asset: str, amount: int, *, locale: str) -> str:
    """`amount` minor units of `asset`: `话费 ¥50.00`, `流量 10 GB`."""
    if is_currency(asset):
        return translate(locale, "orders", "credit_of", amount=format_money(Money(amount, asset), locale))
    message_id, parameters = amount_text(asset, amount)
    return translate(locale, "catalogue", message_id, **parameters)


def until_words(usable_until: datetime | None, *, zone: str, locale: str) -> str:
    """Until when something may be used. An end at midnight is said as the day it is the end of."""
    if usable_until is None:
        return translate(locale, "orders", "usable_always")
    return translate(locale, "orders", "usable_until", date=_end(usable_until, zone=zone, locale=locale))


def _end(usable_until: datetime, *, zone: str, locale: str) -> str:
    local = usable_until.astimezone(ZoneInfo(zone))
    if (local.hour, local.minute, local.second) == (0, 0, 0):
        return format_date((local - timedelta(seconds=1)).date(), locale, zone=zone)
    return format_datetime(usable_until, locale, zone=zone)


def end_words(grant: QuoteGrant, *, zone: str, locale: str) -> str:
    """Until when a grant may be used, as far as its reader may know: what the line has may decide too."""
    if grant.basis == "alone" and grant.policy == "tiers":
        return translate(locale, "orders", "usable_by_balance")
    if grant.basis != "alone" or grant.usable_until is None:
        return until_words(grant.usable_until, zone=zone, locale=locale)
    return translate(locale, "orders", "usable_at_least", date=_end(grant.usable_until, zone=zone, locale=locale))


def policy_words(grant: QuoteGrant, *, locale: str) -> list[str]:
    """What becomes of a grant beside what the line has, a sentence each: its end, and what is more than it may have."""
    said = []
    if grant.basis == "alone" and grant.policy != "tiers":
        said.append(translate(locale, "catalogue", f"policy_{grant.policy}"))
    if grant.cap is not None:
        cap = amount_words(grant.asset, grant.cap, locale=locale)
        said.append(translate(locale, "orders", f"cap_{grant.at_cap}", cap=cap))
    return said


def why_words(rule: Mapping[str, Any], *, locale: str) -> str:
    """Why something ends when it ends: the rule's sentence, with its inputs as people write them."""
    inputs: dict[str, Any] = dict(rule.get("inputs", {}))
    zone = str(inputs.get("zone", "UTC"))
    if "from" in inputs:
        inputs["from"] = format_datetime(datetime.fromisoformat(inputs["from"]), locale, zone=zone)
    if "last_day" in inputs:
        inputs["last_day"] = format_date(date.fromisoformat(inputs["last_day"]), locale, zone=zone)
    if "tiers" in inputs:
        inputs["tiers"] = [_tier_words(tier, str(inputs["currency"]), locale) for tier in inputs["tiers"].split()]
    if "zone" in inputs:
        inputs["zone"] = get_timezone_location(ZoneInfo(zone), locale=locale, return_city=True)
    return translate(locale, "catalogue", str(rule["id"]), **inputs)


def _tier_words(tier: str, currency: str, locale: str) -> str:
    """`500:90d` as people say it: from what amount on it is how long."""
    amount_minor, span = tier.split(":")
    message_id = "tier_days" if span.endswith("d") else "tier_months"
    amount = format_money(Money(int(amount_minor), currency), locale)
    return translate(locale, "catalogue", message_id, amount=amount, span=span[:-1])


def line_words(line_type: str, label: str, parameters: Mapping[str, Any], *, locale: str) -> str:
    """What a line of a price is for."""
    if line_type == "payment_fee":
        method = method_name(str(parameters["method"]), locale=locale)
        return translate(locale, "orders", "payment_fee", method=method)
    said = {
        key: name_in(value, locale=locale) if isinstance(value, Mapping) else value for key, value in parameters.items()
    }
    return translate(locale, "catalogue", label, **said)
