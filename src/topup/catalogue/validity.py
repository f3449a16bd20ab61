"""Until when something granted may be used, and why that date.

Days are days of the carrier's calendar, in its own time zone: the day of the top-up does not count, so that nobody gets
less than the days they were promised, and the clocks' changes neither add nor take a day.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from topup.catalogue.documents import Ends, Policy, ValidityRule

_MIDNIGHT: Final = time(0)
_ONE_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Validity:
    """How long a grant may be used: before the instant `usable_until` (UTC), or without end where that is None.

    `usable_until` holds for a grant that stands alone. Where `policy` is `extend` or `longest` the ledger decides with
    what the line already has, from `days` counted in `zone` and ended as `ends` says.
    """

    policy: Policy
    usable_until: datetime | None
    days: int | None
    ends: Ends
    zone: str


def validity_of(rule: ValidityRule, zone: ZoneInfo, now: datetime) -> tuple[Validity, dict[str, Any]]:
    """The validity of something granted at `now` (aware), and the rule with the inputs that gave the date.

    The second is plain JSON: `id` is the message id of the explanation, `inputs` its parameters.
    """
    if rule.days is None:
        return Validity(rule.policy, None, None, rule.ends, zone.key), {"id": "why_never_ends", "inputs": {}}
    local, spelled = _local(now, zone)
    last_day = local.date() + timedelta(days=rule.days)
    until = _end_of(last_day, zone) if rule.ends == "midnight" else latest_instant(last_day, local.time(), zone)
    inputs = {
        "days": rule.days,
        "from": spelled,
        "last_day": last_day.isoformat(),
        "zone": zone.key,
        "policy": rule.policy,
    }
    return Validity(rule.policy, until, rule.days, rule.ends, zone.key), {"id": f"why_{rule.ends}", "inputs": inputs}


@lru_cache(maxsize=256)
def _local(now: datetime, zone: ZoneInfo) -> tuple[datetime, str]:
    """A moment in the zone, and spelled out: all grants of a top-up, and all top-ups of a batch, have the same."""
    local = now.astimezone(zone)
    return local, local.isoformat(timespec="seconds")


@lru_cache(maxsize=4096)
def _end_of(day: date, zone: ZoneInfo) -> datetime:
    """The end of a day, which all top-ups of a day with the same rule share."""
    return latest_instant(day + _ONE_DAY, _MIDNIGHT, zone)


def latest_instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    """The instant, in UTC, when clocks of `zone` show `at` on `day`.

    Where they show it twice it is the second time; where they skip it, as much after the gap as it lay within it. So
    a change of the clocks never cuts anything short.
    """
    shown = datetime.combine(day, at)
    first = shown.replace(tzinfo=zone, fold=0).astimezone(UTC)
    second = shown.replace(tzinfo=zone, fold=1).astimezone(UTC)
    return max(first, second)
