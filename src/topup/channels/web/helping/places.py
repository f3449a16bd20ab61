"""Halls and kiosks: a list that can be searched, by distance where somebody says from where, and each one's page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from topup.care.desk import Care
from topup.channels.web.forms import read_form
from topup.channels.web.helping.drawing import Dot, MapSheet, map_sheet
from topup.channels.web.helping.speaking import Speech
from topup.channels.web.keeping import Keeping
from topup.channels.web.rendering import Page, WebRequest, go_to, page, reader_of
from topup.platform.web import limit
from topup.shops.distance import Spot, read_spot
from topup.shops.hours import is_busy
from topup.shops.places import Directory, Place
from topup.shops.queries import Found, Wanted

_PLACE: Final = "help:shops"
_LOCATING: Final = {"Permissions-Policy": "camera=(), geolocation=(self), microphone=()"}
"""Only this page may ask where somebody is, and only asks when a button is pressed."""
_SPECIAL_DAYS: Final = 60
"""How far ahead days are told that are unlike their weekday."""
_LONGEST_SEARCH: Final = 60


@dataclass(frozen=True, slots=True)
class PlaceRow:
    """A place in the list; `number` is the one of its dot on the map."""

    number: int
    id: str
    name: str
    kind: str
    area: str
    address: str
    standing: str
    open: bool
    busy: str
    distance: str
    step_free: bool


@dataclass(frozen=True, slots=True)
class HoursRow:
    """A day or several, and its hours."""

    days: str
    hours: str
    today: bool = False


@dataclass(frozen=True, slots=True)
class Matter:
    """A service, and the documents to bring."""

    id: str
    name: str
    documents: list[str]


@dataclass(frozen=True, slots=True)
class PlaceSheet:
    """Everything about one place."""

    row: PlaceRow
    hours: list[HoursRow]
    special: list[HoursRow]
    busy: list[HoursRow]
    matters: list[Matter]
    phone: str
    code: str
    postcode: str
    note: str
    zone: str


class PlacePages:
    """Looking for a place, and looking at one."""

    def __init__(self, care: Care, keeping: Keeping) -> None:
        self._care = care
        self._keeping = keeping

    async def list(self, request: WebRequest) -> Page:
        """The places that fit."""
        limit(request, "read")
        speech = Speech(reader_of(request).wording)
        wanted, at = self._wanted(request)
        view = await self._care.places(wanted)
        rows = [_row(n, one, speech, view.now) for n, one in enumerate(view.found, 1)]
        matters = _matters(view.directory, speech, [one.place for one in view.found] if wanted.service else [])
        answer = page(
            request,
            "help/shops.html",
            h=speech.say,
            places=rows,
            all=bool(view.directory.places),
            map=_map(view.found, wanted.spot),
            services=[Matter(one.id, speech.own(one.names), []) for one in view.directory.services],
            bring=[matter for matter in matters if matter.id == wanted.service],
            wanted=wanted,
            at=at,
        )
        answer.headers.update(_LOCATING)
        return answer

    async def near(self, request: WebRequest) -> Page:
        """The same from where somebody is, who pressed the button that says so. It is rounded here, and kept nowhere
        but sealed in the address of their page.
        """
        limit(request, "read")
        form = await read_form(request)
        spot = read_spot(form.one("latitude"), form.one("longitude"))
        token = self._keeping.seal({}, place=_PLACE, spot=[spot.latitude, spot.longitude])
        return go_to(f"/help/shops?at={token}")

    async def one(self, request: WebRequest, place_id: str) -> Page:
        """One place."""
        limit(request, "read")
        speech = Speech(reader_of(request).wording)
        view = await self._care.place(place_id)
        [found] = view.found
        sheet = _sheet(_row(1, found, speech, view.now), found.place, view.directory, speech, view.now)
        return page(request, "help/shop.html", h=speech.say, place=sheet)

    def _wanted(self, request: WebRequest) -> tuple[Wanted, str]:
        query = request.query_params
        at = query.get("at", "")
        kept: dict[str, Any] = self._keeping.open(at, place=_PLACE) if at else {}
        spot = Spot(*kept["spot"]) if kept else None
        text = query.get("q", "").strip()[:_LONGEST_SEARCH]
        return Wanted(text, query.get("service", ""), query.get("open", "") == "now", spot), at


def _row(number: int, found: Found, speech: Speech, now: Any) -> PlaceRow:
    place, standing = found.place, found.standing
    until = speech.when(standing.until, place.zone, now=now) if standing.until else ""
    if standing.open:
        told = speech.say("open_until", time=until) if until else speech.say("open_always")
    else:
        told = speech.say("closed_until", time=until) if until else speech.say("closed_long")
    return PlaceRow(
        number=number,
        id=place.id,
        name=speech.own(place.names),
        kind=speech.say(f"kind_{place.kind}"),
        area=speech.own(place.areas),
        address=speech.own(place.addresses),
        standing=told,
        open=standing.open,
        busy=speech.say("busy_now") if standing.open and is_busy(place, now) else "",
        distance=speech.distance(found.distance_m) if found.distance_m is not None else "",
        step_free=place.step_free,
    )


def _map(found: Sequence[Found], spot: Spot | None) -> MapSheet | None:
    dots = [Dot(n, one.place.latitude, one.place.longitude, one.standing.open) for n, one in enumerate(found, 1)]
    return map_sheet(dots, (spot.latitude, spot.longitude) if spot else None)


def _matters(directory: Directory, speech: Speech, places: Sequence[Place]) -> list[Matter]:
    """What is dealt with at any of these places."""
    offered = {service for place in places for service in place.services}
    return [
        Matter(one.id, speech.own(one.names), [speech.own(texts) for texts in one.documents])
        for one in directory.services
        if one.id in offered
    ]


def _sheet(row: PlaceRow, place: Place, directory: Directory, speech: Speech, now: Any) -> PlaceSheet:
    today = now.astimezone(ZoneInfo(place.zone)).date()
    return PlaceSheet(
        row=row,
        hours=_week(place, speech, today),
        special=_special(place, speech, today),
        busy=[HoursRow(speech.day_name(one.day), speech.spans((one.span,))) for one in place.busy],
        matters=_matters(directory, speech, [place]),
        phone=place.phone,
        code=place.code,
        postcode=place.postcode,
        note=speech.own(place.note),
        zone=place.zone,
    )


def _week(place: Place, speech: Speech, today: date) -> list[HoursRow]:
    """The week, days with the same hours together."""
    rows: list[HoursRow] = []
    begin = 0
    for day in range(1, 8):
        if day < len(place.week) and place.week[day] == place.week[begin]:
            continue
        first, last = speech.day_name(begin), speech.day_name(day - 1)
        days = first if day - 1 == begin else speech.say("days_between", first=first, last=last)
        rows.append(HoursRow(days, speech.spans(place.week[begin]), begin <= today.weekday() < day))
        begin = day
    return rows


def _special(place: Place, speech: Speech, today: date) -> list[HoursRow]:
    last = (today + timedelta(days=_SPECIAL_DAYS)).isoformat()
    coming = sorted(day for day in place.special if today.isoformat() <= day <= last)
    return [HoursRow(speech.date(date.fromisoformat(day)), speech.spans(place.special[day])) for day in coming]
