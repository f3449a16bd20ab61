"""Points of who has a line, for systems of the operator that hold an API key: seen, and never spent."""

from typing import Final

from litestar.params import FromPath

from topup.channels.api import points_shapes as said
from topup.channels.api.endpoints import Endpoint, Parameter
from topup.channels.api.reading import path_text, permitted
from topup.channels.api.rendering import encode
from topup.kernel.errors import NotFound
from topup.kernel.msisdn import parse_msisdn
from topup.lines.owners import owners_of
from topup.lines.queries import lines_now
from topup.offers.points.queries import Balance, balances
from topup.people.permissions import Permission
from topup.platform.database import Database
from topup.platform.web import Handlers, limit
from topup.platform.web.answers import Answer, answer
from topup.platform.web.edge import AnyRequest

_READ: Final = Permission.READ_LINES


class PointsRoutes(Handlers):
    """Handlers of the routes about points."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def of_line(self, request: AnyRequest, number: FromPath[str]) -> Answer:
        """The points that whoever has a line in their account has with its carrier."""
        await permitted(request, self._database, _READ)
        limit(request, "read")
        e164 = parse_msisdn(path_text(number)).e164
        async with self._database.read() as transaction:
            connection, now = transaction.connection, transaction.now
            line = (await lines_now(connection, [e164])).get(e164)
            if line is None or line.status == "closed":
                raise NotFound("line_unknown")
            holders = await owners_of(connection, line=line.ref)
            found = [one for holder in holders for one in await balances(connection, holder, now)]
        accounts = [_account(one) for one in found if one.carrier_id == line.carrier_id]
        return answer(encode(said.LinePoints(e164, line.carrier_id, accounts)))

    def endpoints(self) -> list[Endpoint]:
        """The routes."""
        number = Parameter("number", "path", "A phone number; escape the plus sign as %2B.", "13000130001")
        return [
            Endpoint("GET", "/api/v1/lines/{number}/points", self.of_line, "getLinePoints",
                     "See the points of who has a line", "Lines", said.LinePoints, parameters=(number,),
                     problems=("number_unreadable", "number_impossible", "number_invalid", "line_unknown"),
                     permission=_READ.value),
        ]  # fmt: skip


def _account(one: Balance) -> said.PointsAccount:
    endings = [said.PointsEnding(ending.points, ending.usable_until) for ending in one.endings]
    return said.PointsAccount(one.available, one.held, one.owed, endings)
