"""What can go wrong, said so that a person can act on it.

A `Problem` is expected: it has a stable `code` (a message id of the catalogue `problems`), the parameters of its
sentence, and who must act. Channels turn it into a page, a problem document (RFC 9457), an exit code. Anything else
that is raised is a defect.
"""

from enum import StrEnum
from typing import ClassVar


class WhoMustAct(StrEnum):
    """The one who can mend it."""

    YOU = "you"
    US = "us"
    CARRIER = "carrier"
    WAIT = "wait"


class Problem(Exception):
    """An expected failure: `code` names the sentence, `parameters` fill it, `who_must_act` says whose turn it is.

    Parameters hold nothing personal: they may be logged.
    """

    category: ClassVar[str] = "invalid"
    default_who: ClassVar[WhoMustAct] = WhoMustAct.YOU

    def __init__(self, code: str, *, who: WhoMustAct | None = None, **parameters: str | int | list[str]) -> None:
        super().__init__(code)
        self.code = code
        self.who_must_act = who or self.default_who
        self.parameters = parameters


class Invalid(Problem):
    """The request itself is wrong: it will be refused however often it is repeated."""

    category = "invalid"


class NotFound(Problem):
    """No such thing, or none that this caller may see: the two are never told apart."""

    category = "not_found"


class Conflict(Problem):
    """The thing is in a state that does not allow this now."""

    category = "conflict"


class Forbidden(Problem):
    """The caller is known and may not do this."""

    category = "forbidden"


class Unauthenticated(Problem):
    """The caller did not say who they are."""

    category = "unauthenticated"


class Throttled(Problem):
    """Too much too fast; `retry_after_s` is among the parameters."""

    category = "throttled"
    default_who = WhoMustAct.WAIT


class Unavailable(Problem):
    """We cannot do it now; nothing was lost, and the same request may be repeated."""

    category = "unavailable"
    default_who = WhoMustAct.US
