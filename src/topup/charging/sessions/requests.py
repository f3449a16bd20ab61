"""What a client asks of a session, whatever it speaks: HTTP now, a network's own interfaces later."""

from datetime import datetime

from msgspec import Struct

from topup.catalogue.rates import Service
from topup.kernel.ids import SessionId

MOST_SERVICES = 16
"""Services of one session, and of one request."""
MOST_UNITS = 2**50
"""Of one report or wish: more is no use but a broken request."""


class ServiceReport(Struct, frozen=True):
    """What is said of one service of a session, which its client calls by the number `group`.

    `used` since the report before; `requested` to go on with (None: the usual slice; 0: nothing). A service that is new
    to the session says what it is, and where and towards whom it goes, as rating.Usage has it.
    """

    group: int = 0
    used: int = 0
    requested: int | None = None
    service: Service | None = None
    country: str | None = None
    called: str | None = None


class Opening(Struct, frozen=True):
    """A session is to begin, for the line that has `msisdn` (E.164). Under the same `client_key` it begins once.

    `at` is when the use began (None: now); `fingerprint` is of all that was said.
    """

    opened_by: str
    client_key: str
    msisdn: str
    sequence: int
    services: tuple[ServiceReport, ...]
    at: datetime | None
    fingerprint: bytes


class Reporting(Struct, frozen=True):
    """What was used in a session, and with `closing` that it is over. `at`: when it was used (None: now)."""

    lane: int
    session_id: SessionId
    sequence: int
    services: tuple[ServiceReport, ...]
    at: datetime | None
    fingerprint: bytes
    closing: bool = False


class Expiry(Struct, frozen=True):
    """A session is to be looked at: if its deadline has passed, nobody will end it."""

    lane: int
    session_id: SessionId


Request = Opening | Reporting | Expiry


class Told(Struct, frozen=True):
    """What a client is told: JSON (sessions.answers), as it was stored. `replayed`: it was told so before."""

    body: bytes
    replayed: bool = False
