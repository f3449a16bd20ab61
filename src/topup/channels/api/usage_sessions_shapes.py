"""What the routes of sessions take; what they give is what sessions say (charging.sessions.answers)."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from topup.channels.api.shapes import NumberText, Time
from topup.charging.sessions.requests import MOST_SERVICES, MOST_UNITS

Group = Annotated[
    int, Meta(ge=0, le=2**32 - 1, description="The client's number of a service; 0 where there is only one.")
]
Sequence = Annotated[
    int, Meta(ge=0, le=2**31 - 2, description="One more than that of the request before; the same when sent again.")
]
Units = Annotated[int, Meta(ge=0, le=MOST_UNITS, description="Seconds, bytes or messages.")]
Requested = Annotated[Units | None, Meta(description="null: the usual slice; 0: nothing.")]
Service = Literal["voice", "data", "sms", "mms"]
Country = Annotated[
    Annotated[str, Meta(pattern="^[A-Z]{2}$")] | None,
    Meta(description="ISO 3166: where the line is; left out at home.", examples=["HK"]),
]
Called = Annotated[
    Annotated[str, Meta(pattern=r"^(\+[1-9][0-9]{1,14}|[0-9*#]{2,8})$")] | None,
    Meta(description="Whom: E.164 with its plus sign, or a short code.", examples=["+8613900139000"]),
]
At = Annotated[Time | None, Meta(description="When; left out: now.")]


class NewService(Struct, frozen=True, forbid_unknown_fields=True):
    """A service that is to be used."""

    service: Service
    rating_group: Group = 0
    requested: Requested = None
    country: Country = None
    called: Called = None


class NewSession(Struct, frozen=True, forbid_unknown_fields=True):
    """A session to be opened: once under its `session_id`, else under the request's Idempotency-Key."""

    number: NumberText
    services: Annotated[list[NewService], Meta(min_length=1, max_length=MOST_SERVICES)]
    session_id: Annotated[
        Annotated[str, Meta(min_length=1, max_length=255, pattern="^[!-~]+$")] | None,
        Meta(description="The client's own id.", examples=["pgw1.example.com;1763625600;42"]),
    ] = None
    sequence: Sequence = 0
    at: At = None


class ServiceUpdate(Struct, frozen=True, forbid_unknown_fields=True):
    """What was used of a service since the last request, and how much more is wanted.

    A service that is new to the session says what it is.
    """

    rating_group: Group = 0
    used: Units = 0
    requested: Requested = None
    service: Annotated[Service | None, Meta(description="Of one that is new to the session.")] = None
    country: Country = None
    called: Called = None


class SessionUpdate(Struct, frozen=True, forbid_unknown_fields=True):
    """What was used, and what more is wanted."""

    sequence: Sequence
    services: Annotated[list[ServiceUpdate], Meta(min_length=1, max_length=MOST_SERVICES)]
    at: At = None


class ServiceUse(Struct, frozen=True, forbid_unknown_fields=True):
    """What was used of a service since the last request."""

    rating_group: Group = 0
    used: Units = 0


class SessionRelease(Struct, frozen=True, forbid_unknown_fields=True):
    """The end of a session."""

    sequence: Sequence
    services: Annotated[list[ServiceUse], Meta(max_length=MOST_SERVICES)] = []
    at: At = None
