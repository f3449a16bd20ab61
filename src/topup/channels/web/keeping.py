"""What a form held, carried in the address of the page that answers it.

A page that answers a form itself cannot be come back to: the browser would have to send the form again, and says so. So
every answer is a way to a page of its own (303), and what that page must know stands in its address, sealed: nobody
reads a number there, and nobody else can make our pages say anything.
"""

import binascii
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any, Final

from topup.kernel.errors import Invalid, NotFound, Problem
from topup.people.subscribers.devices import Subscriber
from topup.platform.keys import CannotOpen, KeyRing

_LONGEST_VALUE: Final = 300
"""Characters of a field that are shown again: more than any that could be right."""
_LONGEST_TOKEN: Final = 16_384


class Keeping:
    """Seals and opens what forms held."""

    def __init__(self, keyring: KeyRing) -> None:
        self._keyring = keyring

    def seal(self, fields: Mapping[str, str], *, place: str, problem: Problem | None = None, **more: object) -> str:
        """A token for the address of the page `place`: the fields of a form, and what is wrong with them; `more` is
        what we ourselves know and JSON can say.
        """
        kept: dict[str, Any] = {"fields": {name: value[:_LONGEST_VALUE] for name, value in fields.items()}, **more}
        if problem is not None:
            kept |= {"code": problem.code, "parameters": dict(problem.parameters)}
        plain = json.dumps(kept, ensure_ascii=False, separators=(",", ":")).encode()
        return urlsafe_b64encode(self._keyring.seal(plain, _bound_to(place))).decode().rstrip("=")

    def open(self, token: str, *, place: str) -> dict[str, Any]:
        """What was sealed: `fields` and the rest; raises NotFound `route_unknown` for what is no token of this page."""
        if len(token) > _LONGEST_TOKEN:
            raise NotFound("route_unknown")
        try:
            sealed = urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
            kept: dict[str, Any] = json.loads(self._keyring.unseal(sealed, _bound_to(place)))
        except (binascii.Error, UnicodeEncodeError, CannotOpen):
            raise NotFound("route_unknown") from None
        return kept


def problem_of(kept: Mapping[str, Any]) -> Invalid | None:
    """What was wrong with the form, where something was."""
    return Invalid(kept["code"], **kept["parameters"]) if "code" in kept else None


def own_place(place: str, who: Subscriber) -> str:
    """A place of somebody's own: what another's form held opens there as nothing at all."""
    return f"{place}:{who.id}"


def _bound_to(place: str) -> str:
    return f"web:{place}"
