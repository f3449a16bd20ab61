"""Where the reader is, as far as their device says: by its time zone, which the script keeps in a cookie, or by what
they chose in their account. A wrong guess tells a time twice, or offers another currency first, and nothing else.
"""

from datetime import datetime
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from babel.core import get_global
from babel.numbers import get_territory_currencies

from topup.channels.web.rendering import WebRequest, reader_of
from topup.channels.web.wording import Wording

ZONE_COOKIE: Final = "zone"


def zone_of(request: WebRequest) -> str | None:
    """The reader's IANA zone: what they chose, else what their device says; None where neither is known."""
    subscriber = reader_of(request).subscriber
    if subscriber is not None and subscriber.zone:
        return subscriber.zone
    said = request.cookies.get(ZONE_COOKIE, "")
    return said if said in _zones() else None


def country_of(request: WebRequest) -> str | None:
    """The country (ISO 3166) the reader's zone is of."""
    zone = zone_of(request)
    return get_global("zone_territories").get(zone) if zone else None


def currency_of(request: WebRequest, now: datetime) -> str:
    """The currency people pay with there; empty where that is not known."""
    country = country_of(request)
    found = get_territory_currencies(country, now.date()) if country else []
    return str(found[0]) if found else ""


def here_words(instant: datetime | None, zone: str, here: str | None, wording: Wording) -> str:
    """An instant by the reader's own clock, where that shows another time than `zone`; else nothing."""
    if instant is None or here is None:
        return ""
    differs = instant.astimezone(ZoneInfo(here)).utcoffset() != instant.astimezone(ZoneInfo(zone)).utcoffset()
    return wording.moment_in(instant, here) if differs else ""


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())
