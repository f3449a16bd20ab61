"""The example carriers, read, and a calendar to ask about them."""

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from topup.catalogue.checking import check
from topup.catalogue.line_facts import Change
from topup.catalogue.pricing import Grant, price
from topup.catalogue.versions import CarrierVersion
from topup.kernel.money import Money

EXAMPLES = sorted((Path(__file__).parents[2] / "examples" / "carriers").glob("*.toml"))
CARRIERS = {file.stem: CarrierVersion(file.stem, 1, check(file).document) for file in EXAMPLES}


def at(carrier: CarrierVersion, local: str) -> datetime:
    """An instant by the carrier's own clocks: `2026-01-31 15:00`."""
    return datetime.fromisoformat(local).replace(tzinfo=carrier.zone).astimezone(UTC)


def through(instant: datetime, zone: ZoneInfo) -> str:
    """The last day before an instant that is a midnight of the zone, as one reads it."""
    local = instant.astimezone(zone)
    assert (local.hour, local.minute, local.second) == (0, 0, 0)
    return datetime.fromtimestamp(instant.timestamp() - 1, zone).date().isoformat()


def credit(carrier: CarrierVersion, major: str, now: datetime) -> tuple[Grant, ...]:
    """What a top-up of plain credit grants."""
    return price(carrier, product=None, amount=Money.from_major(major, carrier.currency), now=now).grants


def told(carrier: CarrierVersion, changes: tuple[Change, ...]) -> list[tuple[str, str]]:
    """Changes as a person would list them: the carrier's day and time they come about, and the state entered."""
    return [(f"{change.at.astimezone(carrier.zone):%Y-%m-%d %H:%M}", change.entered) for change in changes]
