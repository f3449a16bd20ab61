"""How a payment is found at Stripe by our number of it, without a search that knows only what is minutes old.

Stripe has no lookup by `client_reference_id`, and its search by metadata is eventually consistent: what it does not
find may be there. Lists are not: what the list of a time does not have, was not made then. Our number carries the
millisecond it was made, and a payment is begun within START_WITHIN_S of it or never, so the time is known, and a
payment that is on no list was never heard of. What this process made or found is remembered and asked for directly.
"""

import time
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, Final, TypeVar

from topup.kernel.outcome import Unknown
from topup.plugins.payments.stripe.objects import Intent, Page, Session
from topup.plugins.payments.stripe.wire import Failed, Problem, Wire

START_WITHIN_S: Final = 29 * 60
"""A session is made within this time of its payment's number. Its end, an hour after the number, is then at least the
thirty minutes ahead that Stripe demands."""
_CLOCKS_APART_S: Final = 300
_SOON: Final = (-5, 60)
_PAGES: Final = 50
_PAGE: Final = 100
_PATIENCE_S: Final = 20.0
"""Of all the lists that are looked through for one answer: who asks owns the question for a minute."""
_REMEMBERED: Final = 10_000
_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_NOT_FOUND: Final = 404

SESSIONS: Final = "/v1/checkout/sessions"
INTENTS: Final = "/v1/payment_intents"
Thing = TypeVar("Thing", Session, Intent)


class Finder:
    """Finds sessions and payment intents by our payment's number."""

    def __init__(self, wire: Wire, *, livemode: bool) -> None:
        self._wire = wire
        self._livemode = livemode
        self._known: OrderedDict[str, str] = OrderedDict()

    def remember(self, payment_id: str, identifier: str) -> None:
        """That Stripe's object of this payment has this id."""
        self._known[payment_id] = identifier
        self._known.move_to_end(payment_id)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)

    async def find(self, payment_id: str) -> Session | Intent | Problem | None:
        """The session of a payment, or the intent of one that was made without; None where Stripe never had it."""
        identifier = self._known.get(payment_id)
        if identifier is None:
            found = await self._look(payment_id)
            if not isinstance(found, str):
                return found
            identifier = found
            self.remember(payment_id, identifier)
        return await self._read(payment_id, identifier)

    async def _read(self, payment_id: str, identifier: str) -> Session | Intent | Problem:
        """The object as it is now, with its charge."""
        answer: Session | Intent | Failed | Problem
        if identifier.startswith("pi_"):
            answer = await self._wire.get(
                f"{INTENTS}/{identifier}", Intent, route="intent", query={"expand": ["latest_charge"]}
            )
        else:
            query = {"expand": ["payment_intent.latest_charge"]}
            answer = await self._wire.get(f"{SESSIONS}/{identifier}", Session, route="session", query=query)
        if isinstance(answer, Failed):
            if answer.status == _NOT_FOUND:
                self._known.pop(payment_id, None)
            return answer.unlisted()
        if isinstance(answer, Session | Intent) and not self._is_ours(answer, payment_id):
            return Unknown("the answer is about another payment, or of the other mode")
        return answer

    async def _look(self, payment_id: str) -> str | Problem | None:
        made = made_at(payment_id)
        if made is None:
            return None
        until = time.monotonic() + _PATIENCE_S
        for begin, end in _spans(made, time.time()):
            sessions = await self._listed(SESSIONS, Session, payment_id, (begin, end), until)
            if sessions is not None:
                return sessions
            intents = await self._listed(INTENTS, Intent, payment_id, (begin, end), until)
            if intents is not None:
                return intents
        return None

    async def _listed(
        self, path: str, kind: type[Thing], payment_id: str, span: tuple[int, int], until: float
    ) -> str | Problem | None:
        """The id of the one that carries our number, among those made in the span; given up at `until`, monotonic."""
        query: dict[str, Any] = {"limit": _PAGE, "created": {"gte": span[0], "lt": span[1]}}
        route = "sessions" if path == SESSIONS else "intents"
        for _ in range(_PAGES):
            if time.monotonic() > until:
                return Unknown("it takes too long to look through the payments of that time")
            # A type variable cannot be followed into a generic struct.
            page: Any = await self._wire.get(path, Page[kind], route=route, query=query)  # type: ignore[valid-type]
            if not isinstance(page, Page):
                return page.unlisted() if isinstance(page, Failed) else page
            for thing in page.data:
                if self._is_ours(thing, payment_id):
                    return str(thing.id)
            if not page.has_more or not page.data:
                return None
            query["starting_after"] = page.data[-1].id
        return Unknown("too many payments of that time to look through")

    def _is_ours(self, thing: Session | Intent, payment_id: str) -> bool:
        return thing.livemode == self._livemode and payment_of(thing) == payment_id


def payment_of(thing: Session | Intent) -> str:
    """Our number of it; empty where it is not of our making."""
    number = (thing.metadata or {}).get("payment_id", "")
    return number or (thing.client_reference_id or "" if isinstance(thing, Session) else "")


def made_at(identifier: str) -> int | None:
    """The second since 1970 in which one of our ids was made; None where the text is no id."""
    digits = identifier.partition("_")[2][:10]
    if len(digits) != 10 or any(digit not in _ALPHABET for digit in digits):  # noqa: PLR2004 - 50 bits of milliseconds
        return None
    millisecond = 0
    for digit in digits:
        millisecond = millisecond * 32 + _ALPHABET.index(digit)
    return millisecond // 1000


def _spans(made: int, now: float) -> Iterator[tuple[int, int]]:
    """Where to look, the likeliest first: at once after the number was made; then earlier and later."""
    soon, late = made + _SOON[0], made + _SOON[1]
    yield soon, late
    last = made + START_WITHIN_S + _CLOCKS_APART_S
    if now + _CLOCKS_APART_S >= late:
        yield late, last
    yield made - _CLOCKS_APART_S, soon
