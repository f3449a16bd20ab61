"""The answer of a call to the outside world.

`Unknown` is the default for whatever was not positively understood: a timeout after sending, a 5xx, an answer that
cannot be parsed or is on no list, a bad signature. What is unknown is asked about and never sent again. Only a failure
to connect is `NotSent`.
"""

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Why a provider refused, as far as anyone must act differently on it."""

    USER = "user"
    """Number suspended, nonexistent, not real-named; card declined: the customer is told, the money goes back."""
    CONFIGURATION = "configuration"
    """Our float, signature or product: another route or the money back, and the operator is paged."""
    ABSENT = "absent"
    """The provider positively never had it (only as the answer of a query)."""


@dataclass(frozen=True, slots=True)
class Done:
    """It happened, finally; `reference` is the provider's own id of it."""

    reference: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """Taken in, not final: ask on a schedule, take events."""

    reference: str


@dataclass(frozen=True, slots=True)
class Refused:
    """It did not and will not happen. `code` is the provider's, for the record; nothing personal."""

    reason: Reason
    code: str


@dataclass(frozen=True, slots=True)
class NotSent:
    """Nothing left this machine: safe to try again."""

    detail: str


@dataclass(frozen=True, slots=True)
class Throttled:
    """Asked to wait `retry_after_s` seconds; not taken in."""

    retry_after_s: int


@dataclass(frozen=True, slots=True)
class Unknown:
    """Not positively understood: ask, never resend."""

    detail: str


@dataclass(frozen=True, slots=True)
class Reversed:
    """A success that the provider later took back."""

    reference: str


Outcome = Done | Accepted | Refused | NotSent | Throttled | Unknown | Reversed
