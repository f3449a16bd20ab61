"""Facts of events as parameters of messages: what each becomes in words, the reader's language decides later."""

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from topup.catalogue.quantities import rough_text
from topup.kernel.money import Money, is_currency
from topup.ledger.items import Policy
from topup.ledger.queries import Bucket
from topup.notifications.templates import LocalDay, LocalTime, Parameter, Place, Words
from topup.platform.i18n import has_text

_TO_DO: Final = {Policy.SEPARATE: "expiring.use", Policy.EXTEND: "expiring.extend"}


def asset_words(asset: str) -> Words:
    """What an asset is called."""
    return Words("usage", "asset.money" if is_currency(asset) else f"asset.{asset}")


def amount_words(asset: str, amount: int) -> Money | Words:
    """How much there is of an asset, no more exactly than people count; never more than there is."""
    if is_currency(asset):
        return Money(amount, asset)
    return Words("catalogue", *rough_text(asset, amount))


def end_words(at: datetime, zone: str) -> LocalDay | LocalTime:
    """Until when something can be used: what ends with a day is said as that day."""
    is_midnight = at.astimezone(ZoneInfo(zone)).time() == time(0)
    return LocalDay(at - timedelta(seconds=1), zone) if is_midnight else LocalTime(at, zone)


def why_words(rule: Mapping[str, Any]) -> Words:
    """Why a bucket ends when it ends: the rule it keeps, with its inputs; in general where the rule has no words."""
    message = str(rule.get("id", ""))
    if not has_text("catalogue", message):
        return Words("messages", "expiring.by_rule")
    zone = str(rule.get("zone", "UTC"))
    said = {name: _input(name, value, zone, rule) for name, value in rule.items() if name != "id"}
    return Words("catalogue", message, said)


def _input(name: str, value: Any, zone: str, rule: Mapping[str, Any]) -> Parameter:
    if name == "from":
        return LocalTime(datetime.fromisoformat(value), zone)
    if name == "last_day":
        return LocalDay(datetime.fromisoformat(value).replace(hour=12, tzinfo=ZoneInfo(zone)), zone)
    if name == "tiers":
        return [_tier(tier, str(rule["currency"])) for tier in value.split()]
    return Place(zone) if name == "zone" else str(value)


def _tier(tier: str, currency: str) -> Words:
    """`500:90d`: from what amount on it is how long (catalogue/validity.py writes it)."""
    amount_minor, span = tier.split(":")
    message = "tier_days" if span.endswith("d") else "tier_months"
    return Words("catalogue", message, {"amount": Money(int(amount_minor), currency), "span": span[:-1]})


def to_do_words(bucket: Bucket) -> Words:
    """What there is to do before a bucket ends."""
    return Words("messages", _TO_DO.get(bucket.policy, "expiring.renew"))
