"""A line as its owner sees it: its status, how full each asset is, what ends when and why, what to do by when."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from topup.channels.web.whereabouts import here_words
from topup.channels.web.wording import Wording
from topup.charging.usage.wording import DOMAIN as USAGE
from topup.charging.usage.wording import asset_words
from topup.kernel.money import is_currency
from topup.kernel.msisdn import Msisdn, parse_msisdn
from topup.lines.forecasts import LineForecast, Status, ToDo
from topup.lines.owners import OwnedLine
from topup.lines.plans.desk import Included
from topup.lines.wording import (
    block_words,
    card_words,
    change_words,
    kind_words,
    moment_words,
    reason_words,
    status_words,
)
from topup.lines.wording import to_do_words as words_to_do
from topup.orders.balance_views import BucketView
from topup.orders.own_lines import Glance, Meter, OwnLine
from topup.orders.wording import end_of, through_or_until, until_words, why_words

_TONES: Final[dict[Status, str]] = {
    "active": "good",
    "low": "wait",
    "expiring": "wait",
    "one_way_blocked": "alarm",
    "two_way_blocked": "alarm",
    "reserved": "alarm",
    "recycled": "alarm",
    "barred": "alarm",
}
_LITTLE: Final = 15
"""Per cent: a picture with less left says so by its colour too; its words always do."""
_WHOLE: Final = 100
_OF_PLAN: Final = "why_plan"
"""Why what a plan gave ends when it does."""


@dataclass(frozen=True, slots=True)
class Badge:
    """A status in words, and how good it is: `good`, `wait` or `alarm`."""

    words: str
    tone: str


@dataclass(frozen=True, slots=True)
class Ring:
    """How much is left: in words, and as a ring that is `share` per cent full (None: of what is not known)."""

    name: str
    left: str
    of: str
    share: int | None
    little: bool
    in_cycle: bool = False
    """Of what the cycle of a plan gave, and not of what there was when some came last."""


@dataclass(frozen=True, slots=True)
class Ending:
    """What is there until the same time for the same reason, until when, and why then; `here`: by the reader's clock,
    where that shows another time.
    """

    what: list[str]
    until: str
    why: str
    here: str


@dataclass(frozen=True, slots=True)
class Act:
    """What to do, and by when; `here` as in Ending."""

    what: str
    by: str
    here: str


@dataclass(frozen=True, slots=True)
class Card:
    """A line among others."""

    id: str
    name: str
    number: str
    carrier: str
    badge: Badge | None
    credit: str
    ends: str


@dataclass(frozen=True, slots=True)
class LineSheet:
    """The line that is open."""

    id: str
    name: str
    number: str
    carrier: str
    kind: str
    badge: Badge
    reason: str
    blocks: list[str]
    rings: list[Ring]
    endings: list[Ending]
    to_do: list[Act]
    to_come: list[tuple[str, str, str]] = field(default_factory=list)
    released_on: str = ""
    owed: str = ""
    takes_topups: bool = True
    card: str = ""
    """Its SIM card: of what kind, the end of its number, how it stands."""


def card(owned: OwnedLine, glance: Glance | None, wording: Wording) -> Card:
    """A line at a glance; of one whose carrier tells us nothing, its number alone."""
    number = parse_msisdn(owned.e164).grouped()
    if glance is None:
        return Card(owned.ref.id, owned.name, number, "", None, "", "")
    return Card(
        owned.ref.id,
        owned.name,
        number,
        wording.name(glance.carrier_names),
        badge_of(glance.status, wording),
        wording.money(glance.credit),
        _first_end(owned, glance, wording),
    )


def _first_end(owned: OwnedLine, glance: Glance, wording: Wording) -> str:
    """Until when all of the money is, or how much of it ends first."""
    if glance.ends is None or glance.ending == glance.credit:
        return until_words(glance.ends, zone=owned.zone, locale=wording.locale) if glance.ends else ""
    until = end_of(glance.ends, zone=owned.zone, locale=wording.locale)
    message = f"part_{through_or_until(glance.ends, zone=owned.zone)}"
    return wording.of("home", message, amount=wording.money(glance.ending), date=until)


def badge_of(status: Status, wording: Wording) -> Badge:
    """A status in words."""
    return Badge(status_words(status, locale=wording.locale), _TONES[status])


def line_sheet(
    owned: OwnedLine, line: OwnLine, wording: Wording, *, here: str | None = None, included: Sequence[Included] = ()
) -> LineSheet:
    """Everything about a line that its owner sees first; `here` is the zone they are in, where that is known, and
    `included` what the cycle of its plan gave.
    """
    forecast, locale = line.forecast, wording.locale
    return LineSheet(
        id=owned.ref.id,
        name=owned.name,
        number=_number(forecast.msisdn),
        carrier=wording.name(forecast.carrier_names),
        kind=kind_words(forecast.kind, locale=locale),
        badge=badge_of(forecast.status, wording),
        reason=reason_words(forecast.reason, locale=locale) if forecast.reason else "",
        blocks=[block_words(block, locale=locale) for block in forecast.blocks],
        rings=_rings(line, included, wording),
        endings=_endings(
            [bucket for bucket in line.balance.buckets if bucket.amount], line.balance.zone, here, wording
        ),
        to_do=_acts(forecast.to_do, forecast.zone, here, wording),
        to_come=_changes(forecast, locale),
        released_on=_moment(forecast.released_on, forecast.zone, locale),
        owed=wording.money(forecast.arrears) if forecast.arrears.amount_minor else "",
        card=card_words(line.card, locale=locale) if line.card else "",
        takes_topups="topup" not in forecast.blocks and forecast.status != "barred",
    )


def _rings(line: OwnLine, included: Sequence[Included], wording: Wording) -> list[Ring]:
    """How full each asset is. What the plan gave is a part of what its cycle includes; what an earlier plan gave, and
    is gone with it, is left out.
    """
    rings = []
    for meter in line.meters:
        of_plan = [one for one in included if one.asset == meter.asset]
        by_plan = all(one.rule.get("id") == _OF_PLAN for one in line.balance.buckets if one.asset == meter.asset)
        if of_plan and sum(one.left for one in of_plan) == meter.left:
            full = Meter(meter.asset, meter.left, sum(one.amount for one in of_plan))
            rings.append(replace(ring_of(full, wording), in_cycle=True))
        elif meter.left or of_plan or not by_plan or is_currency(meter.asset):
            rings.append(ring_of(meter, wording))
    return rings


def ring_of(meter: Meter, wording: Wording) -> Ring:
    """How full an asset is: of what there was when some came last."""
    locale = wording.locale
    name = "asset.money" if is_currency(meter.asset) else f"asset.{meter.asset}"
    share = share_of(meter.left, meter.full)
    return Ring(
        name=wording.of(USAGE, name),
        left=_amount(meter.asset, meter.left, locale),
        of=_amount(meter.asset, meter.full, locale) if meter.full is not None else "",
        share=share,
        little=share is not None and share < _LITTLE,
    )


def share_of(left: int, full: int | None) -> int | None:
    """Per cent that are left, from 0 to 100; what is not quite gone is 1 at least."""
    if not full:
        return None
    return max(1 if left > 0 else 0, min(_WHOLE, left * _WHOLE // full))


def _amount(asset: str, amount: int, locale: str) -> str:
    return asset_words(asset, amount, locale=locale, roughly=True)


def _endings(buckets: Sequence[BucketView], zone: str, here: str | None, wording: Wording) -> list[Ending]:
    """In the order of use; what came together is said together."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for bucket in buckets:
        until = until_words(bucket.usable_until, zone=zone, locale=wording.locale)
        why = why_words(bucket.rule, locale=wording.locale) if bucket.usable_until and bucket.rule else ""
        there = here_words(bucket.usable_until, zone, here, wording)
        found.setdefault((until, why, there), []).append(_part(bucket, wording))
    return [Ending(what, until, why, there) for (until, why, there), what in found.items()]


def _part(bucket: BucketView, wording: Wording) -> str:
    if is_currency(bucket.asset):
        return wording.amount(bucket.asset, bucket.amount)
    return _amount(bucket.asset, bucket.amount, wording.locale)


def _acts(to_do: Sequence[ToDo], zone: str, here: str | None, wording: Wording) -> list[Act]:
    return [
        Act(
            words_to_do(one, locale=wording.locale),
            end_of(one.by, zone=zone, locale=wording.locale) if one.by else "",
            here_words(one.by, zone, here, wording),
        )
        for one in to_do
    ]


def _changes(forecast: LineForecast, locale: str) -> list[tuple[str, str, str]]:
    """What comes if nobody does anything: when, what the line is then called, and why."""
    return [
        (
            moment_words(change.at, zone=forecast.zone, locale=locale),
            status_words(change.shows, locale=locale),
            change_words(change, locale=locale),
        )
        for change in forecast.to_come
    ]


def _moment(instant: datetime | None, zone: str, locale: str) -> str:
    return moment_words(instant, zone=zone, locale=locale) if instant else ""


def _number(msisdn: Msisdn) -> str:
    return msisdn.grouped()
