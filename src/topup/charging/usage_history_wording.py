"""What usage and its events say, in the reader's language: the same words on every channel."""

from datetime import datetime
from typing import Final

from topup.catalogue.quantities import amount_text
from topup.catalogue.rates import ASSET_OF, Service
from topup.charging.usage_history import Told
from topup.kernel.money import Money, is_currency
from topup.platform.i18n import format_datetime, format_money, translate

DOMAIN: Final = "usage"


def reason_words(reason: str, *, locale: str) -> str:
    """Why a part was charged, or free."""
    return translate(locale, DOMAIN, reason)


def quantity_words(service: Service, quantity: int, *, locale: str) -> str:
    """How much was used: `90 minutes`, `1.5 GB`."""
    asset = ASSET_OF.get(service)
    if asset is None:
        return translate(locale, DOMAIN, "multimedia", count=quantity)
    return asset_words(asset, quantity, locale=locale)


def asset_words(asset: str, amount: int, *, locale: str) -> str:
    """How much of an asset: `¥5.00`, `1.5 GB`."""
    if is_currency(asset):
        return format_money(Money(amount, asset), locale)
    message_id, parameters = amount_text(asset, amount)
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
        said["until"] = format_datetime(datetime.fromisoformat(facts["usable_until"]), locale, zone=zone)
    return translate(locale, DOMAIN, "event.filled" if told.name == "restored" else f"event.{told.name}", **said)
