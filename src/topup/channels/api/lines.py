"""Lines, for systems of the operator that hold an API key."""

from datetime import date
from typing import Final

from litestar.params import FromPath

from topup.channels.api import rendering
from topup.channels.api.endpoints import Endpoint, Parameter
from topup.channels.api.line_rendering import line_keeping, line_standing
from topup.channels.api.line_shapes import Balance, LineKeeping, LineStanding
from topup.channels.api.reading import path_text, permitted, query_text
from topup.kernel.errors import Invalid
from topup.orders.desk import Desk
from topup.people.permissions import Permission
from topup.platform.database import Database
from topup.platform.web import Handlers, limit, request_locale
from topup.platform.web.answers import Answer, answer
from topup.platform.web.edge import AnyRequest

_READ: Final = Permission.READ_LINES


class Lines(Handlers):
    """Handlers of the routes about lines."""

    def __init__(self, *, desk: Desk, database: Database) -> None:
        self._desk = desk
        self._database = database

    async def balance(self, request: AnyRequest, number: FromPath[str]) -> Answer:
        """What a line has, bucket by bucket."""
        await permitted(request, self._database, _READ)
        view = await self._desk.balance(number=path_text(number))
        return answer(rendering.encode(rendering.balance(view, request_locale(request))))

    async def standing(self, request: AnyRequest, number: FromPath[str]) -> Answer:
        """How a line stands and what will become of it."""
        await permitted(request, self._database, _READ)
        found = await self._desk.line(number=path_text(number))
        return answer(rendering.encode(line_standing(found, request_locale(request))))

    async def keeping(self, request: AnyRequest, number: FromPath[str]) -> Answer:
        """How long a number is kept, and what keeps it until a day."""
        await permitted(request, self._database, _READ)
        limit(request, "read")
        text = query_text(request, "until")
        try:
            until = date.fromisoformat(text) if text else None
        except ValueError:
            raise Invalid("day_unreadable") from None
        found = await self._desk.keeping(number=path_text(number), until=until)
        return answer(rendering.encode(line_keeping(found, request_locale(request))))

    def endpoints(self) -> list[Endpoint]:
        """The routes."""
        number = Parameter("number", "path", "A phone number; escape the plus sign as %2B.", "13800138000")
        until = Parameter("until", "query", "A day of the line's zone, at most two years ahead; a year where it is left"
                          " out.", "2027-11-05", required=False)  # fmt: skip
        problems = ("number_unreadable", "number_impossible", "number_invalid", "number_not_served", "line_unknown")
        return [
            Endpoint("GET", "/api/v1/lines/{number}", self.standing, "getLine",
                     "See how a line stands, what to do, and what will become of it",
                     "Lines", LineStanding, parameters=(number,), problems=problems, permission=_READ.value),
            Endpoint("GET", "/api/v1/lines/{number}/balance", self.balance, "getBalance", "See what a line has",
                     "Lines", Balance, parameters=(number,), problems=problems, permission=_READ.value),
            Endpoint("GET", "/api/v1/lines/{number}/keeping", self.keeping, "getLineKeeping",
                     "See how long a number is kept, and what keeps it until a day", "Lines", LineKeeping,
                     parameters=(number, until), problems=(*problems, "day_unreadable", "keeping_until"),
                     permission=_READ.value),
        ]  # fmt: skip
