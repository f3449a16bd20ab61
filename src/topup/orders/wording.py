"""What orders, prices and receipts say, in the reader's language: the same words on every channel."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from babel.numbers import get_currency_name

from topup.catalogue.quantities import amount_text
from topup.kernel.money import Money, is_currency
from topup.orders.views import Exchange, OrderView, QuoteGrant, ReturnedMoney
from topup.platform.i18n import (
    DEFAULT_LOCALE,
    format_date,
    format_datetime,
    format_moment,
    format_money,
    format_number,
    has_text,
    translate,
    zone_place,
)


def gift_words(names: Mapping[str, str], quantity: int, *, locale: str) -> str:
    """What is handed over, and how many: `Mug × 1`."""
    return f"{name_in(names, locale=locale)} × {quantity}"


def gift_state_words(state: str, *, locale: str, is_sent: bool = False) -> str:
    """What became of a gift that goes with an order, handed over or sent by post."""
    message_id = f"gift_state.{state}.sent"
    return translate(
        locale, "orders", message_id if is_sent and has_text("orders", message_id) else f"gift_state.{state}"
    )


def fetched_by_words(until: datetime, *, zone: str, locale: str) -> str:
    """The last day on which what is handed over before `until` can be fetched."""
    return format_date(until - timedelta(microseconds=1), locale, zone=zone)


def name_in(names: Mapping[str, str], *, locale: str) -> str:
    """The one of a text's languages this reader reads, else the default one."""
    return names.get(locale) or names[DEFAULT_LOCALE]


def method_name(method: str, *, locale: str) -> str:
    """The name of a way to pay; one that has no text is called by its plugin's name."""
    message_id = f"method.{method}"
    return translate(locale, "orders", message_id) if has_text("orders", message_id) else method


def currency_name(currency: str, *, locale: str) -> str:
    """`US Dollar`, `美元`."""
    name: str = get_currency_name(currency, locale=locale)
    return name


def exchange_words(found: Exchange, *, locale: str) -> str:
    """How a price became what is paid: the price, the rate, and how it is rounded."""
    return translate(
        locale,
        "orders",
        "exchange",
        price=format_money(found.price, locale),
        rate=rate_words(found),
        step=format_money(found.step, locale),
    )


def rate_words(found: Exchange) -> str:
    """`1 USD = 7.2488 CNY`: by the codes, which no two currencies share."""
    return f"1 {found.paid.currency} = {found.rate} {found.price.currency}"


def source_words(found: Exchange, *, zone: str, locale: str) -> str:
    """Who says the rate, and since when."""
    at = format_moment(found.at, locale, zone=zone)
    return translate(locale, "orders", "exchange_source", source=found.source, time=at)


def returned_words(order: OrderView, *, locale: str) -> list[str]:
    """What became of money that came and could not pay the order, or that was given back of what did, a sentence or
    two for each.
    """
    return [
        words
        for payment in order.payments
        for words in _where(payment.returned + payment.given_back, order, locale=locale)
    ]


def given_back_words(order: OrderView, *, locale: str) -> list[str]:
    """The same of what was given back alone."""
    return [words for payment in order.payments for words in _where(payment.given_back, order, locale=locale)]


def _where(moneys: Iterable[ReturnedMoney], order: OrderView, *, locale: str) -> list[str]:
    return [
        translate(
            locale,
            "orders",
            f"returned.{money.reason}.{money.standing}",
            amount=format_money(money.amount, locale),
            **({"time": format_moment(money.at, locale, zone=order.zone)} if money.at else {}),
        )
        for money in moneys
    ]


def second_payment(order: OrderView) -> str:
    """Where the second payment of an order is that was paid twice: `going_back`, `went_back`, `with_person`; else
    empty.
    """
    standings = {money.standing for payment in order.payments for money in payment.second}
    return next((one for one in ("with_person", "going_back", "went_back") if one in standings), "")


def second_payment_words(order: OrderView, *, locale: str) -> str:
    """The same as a sentence."""
    standing = second_payment(order)
    return translate(locale, "orders", f"second_payment.{standing}") if standing else ""


def amount_words(asset: str, amount: int, *, locale: str) -> str:
    """`amount` minor units of `asset`: `话费 ¥50.00`, `流量 10 GB`."""
    if is_currency(asset):
        return translate(locale, "orders", "credit_of", amount=format_money(Money(amount, asset), locale))
    message_id, parameters = amount_text(asset, amount)
    return translate(locale, "catalogue", message_id, **parameters)


def points_words(count: int, *, locale: str) -> str:
    """`1,250 points`."""
    return translate(locale, "orders", "points", points=format_number(count, locale))


def until_words(usable_until: datetime | None, *, zone: str, locale: str) -> str:
    """Until when something may be used. An end at midnight is said as the day it is the end of."""
    if usable_until is None:
        return translate(locale, "orders", "usable_always")
    message = f"usable_{through_or_until(usable_until, zone=zone)}"
    return translate(locale, "orders", message, date=end_of(usable_until, zone=zone, locale=locale))


def through_or_until(usable_until: datetime, *, zone: str) -> str:
    """Whether an end is said by its last day, `through` it, or as a moment, `until` then: the end of a message's id."""
    return "through" if _is_midnight(usable_until.astimezone(ZoneInfo(zone))) else "until"


def end_of(usable_until: datetime, *, zone: str, locale: str) -> str:
    """The last day something may be used on, or the moment it ends."""
    local = usable_until.astimezone(ZoneInfo(zone))
    if _is_midnight(local):
        return format_date((local - timedelta(seconds=1)).date(), locale, zone=zone)
    return format_moment(usable_until, locale, zone=zone)


def _is_midnight(local: datetime) -> bool:
    return (local.hour, local.minute, local.second) == (0, 0, 0)


def end_words(grant: QuoteGrant, *, zone: str, locale: str) -> str:
    """Until when a grant may be used, as far as its reader may know: what the line has may decide too."""
    if grant.basis == "alone" and grant.policy == "tiers":
        return translate(locale, "orders", "usable_by_balance")
    if grant.basis != "alone" or grant.usable_until is None:
        return until_words(grant.usable_until, zone=zone, locale=locale)
    message = f"usable_at_least_{through_or_until(grant.usable_until, zone=zone)}"
    return translate(locale, "orders", message, date=end_of(grant.usable_until, zone=zone, locale=locale))


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
    """Why something ends when it ends: the rule's sentence, with its inputs as people write them; in general where the
    rule is none that has words, as that of what rolled over or came back. `rule` is in the shape of `accounts.why_of`.
    """
    if not has_text("catalogue", str(rule.get("id", ""))):
        return translate(locale, "messages", "expiring.by_rule")
    inputs: dict[str, Any] = dict(rule.get("inputs", {}))
    zone = str(inputs.get("zone", "UTC"))
    if "from" in inputs:
        inputs["from"] = format_datetime(datetime.fromisoformat(inputs["from"]), locale, zone=zone)
    if "last_day" in inputs:
        inputs["last_day"] = format_date(date.fromisoformat(inputs["last_day"]), locale, zone=zone)
    if "tiers" in inputs:
        inputs["tiers"] = [_tier_words(tier, str(inputs["currency"]), locale) for tier in inputs["tiers"].split()]
    if "zone" in inputs:
        inputs["zone"] = zone_place(zone, locale)
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
