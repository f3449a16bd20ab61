"""What usage and its events say, in the reader's language: the same words on every channel."""

from datetime import datetime
from typing import Final

from topup.catalogue.quantities import amount_text, rough_text
from topup.catalogue.rates import ASSET_OF, Service
from topup.charging.usage.comparing import PlanCost
from topup.charging.usage.history import Told
from topup.kernel.money import Money, is_currency
from topup.platform.i18n import format_moment, format_money, translate

DOMAIN: Final = "usage"


def reason_words(reason: str, *, locale: str) -> str:
    """Why a part was charged, or free."""
    return translate(locale, DOMAIN, reason)


def quantity_words(service: Service, quantity: int, *, locale: str, roughly: bool = False) -> str:
    """How much was used: `90 minutes`, `1.5 GB`; `roughly`, no more exactly than people count."""
    asset = ASSET_OF.get(service)
    if asset is None:
        return translate(locale, DOMAIN, "multimedia", count=quantity)
    return asset_words(asset, quantity, locale=locale, roughly=roughly)


def asset_words(asset: str, amount: int, *, locale: str, roughly: bool = False) -> str:
    """How much of an asset: `¥5.00`, `1.5 GB`; `roughly`, no more exactly than people count, but of money."""
    if is_currency(asset):
        return format_money(Money(amount, asset), locale)
    message_id, parameters = (rough_text if roughly else amount_text)(asset, amount)
    return translate(locale, "catalogue", message_id, **parameters)


def event_words(told: Told, *, zone: str, locale: str) -> str:
    """What a line was told of, in a sentence; the days are those of `zone`."""
    facts = told.facts
    if "blocks" in facts:
        services = [translate(locale, DOMAIN, f"blocked.{name}") for name in facts["blocks"]]
        return translate(locale, DOMAIN, f"event.{told.name}", services=services)
    asset = str(facts["asset"])
    said = {
        "asset": translate(locale, DOMAIN, "asset.money" if is_currency(asset) else f"asset.{asset}"),
        "left": asset_words(asset, int(facts.get("left", 0)), locale=locale),
    }
    if told.name == "expiring":
        said["until"] = format_moment(datetime.fromisoformat(facts["usable_until"]), locale, zone=zone)
    return translate(locale, DOMAIN, "event.filled" if told.name == "restored" else f"event.{told.name}", **said)


def cost_reasons(cost: PlanCost, currency: str, *, locale: str) -> list[str]:
    """Why a plan, or none, would have cost so much, a sentence each."""
    beyond = format_money(Money(cost.beyond_minor, currency), locale)
    return [translate(locale, "plans", f"reason_{reason}", beyond=beyond) for reason in cost.reasons]
