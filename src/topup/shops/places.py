"""What is known of a place: where it is, when it is open, what is done there, what to bring."""

from typing import Final, Literal

import msgspec

Kind = Literal["hall", "shop", "kiosk"]
KINDS: Final[tuple[Kind, ...]] = ("hall", "shop", "kiosk")

DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
"""The days as files name them, in the order of ISO 8601."""
MIDNIGHT: Final = 24 * 60
"""The end of a day, in minutes of its beginning."""

Texts = dict[str, str]
"""A text by language: `zh_Hans`, `zh_Hant`, `en`; at least the first."""


class Span(msgspec.Struct, frozen=True, array_like=True):
    """Open from, and until, in minutes of the day; `closes` is at most MIDNIGHT."""

    opens: int
    closes: int


Spans = tuple[Span, ...]
"""The hours of one day, in order and apart from each other; none: closed."""


class Busy(msgspec.Struct, frozen=True, array_like=True):
    """When many come: a day (0 is Monday), and the span."""

    day: int
    span: Span


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """One place. `code` stands on its door, and is how a visitor checks that it is one of ours."""

    id: str
    kind: Kind
    names: Texts
    areas: Texts
    """The part of town, as people call it."""
    addresses: Texts
    postcode: str
    latitude: float
    """Degrees, WGS 84."""
    longitude: float
    zone: str
    """IANA; its hours are told in it."""
    week: tuple[Spans, ...]
    """Of each day of the week, Monday first."""
    special: dict[str, Spans] = {}
    """Days (ISO 8601) that are unlike their weekday."""
    services: tuple[str, ...] = ()
    busy: tuple[Busy, ...] = ()
    phone: str = ""
    code: str = ""
    note: Texts = {}
    """About appointments, or how to find it."""
    step_free: bool = False


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """A matter that is dealt with at places, and the documents to bring for it."""

    id: str
    names: Texts
    documents: tuple[Texts, ...] = ()


class Ours(msgspec.Struct, frozen=True, kw_only=True):
    """What else is the operator's: whoever checks whether something is official is told by these."""

    sites: tuple[str, ...] = ()
    """Host names, in lower case and ASCII (IDNA)."""
    phones: tuple[str, ...] = ()
    """Numbers as they are dialled: a short one, or E.164."""
    senders: tuple[str, ...] = ()
    """Names and numbers that our messages come from."""


class Directory(msgspec.Struct, frozen=True, kw_only=True):
    """All that one file said. Each version is immutable."""

    places: tuple[Place, ...] = ()
    services: tuple[Service, ...] = ()
    ours: Ours = Ours()

    def place(self, place_id: str) -> Place | None:
        """The place of that id."""
        return next((place for place in self.places if place.id == place_id), None)

    def service(self, service_id: str) -> Service | None:
        """The service of that id."""
        return next((service for service in self.services if service.id == service_id), None)
