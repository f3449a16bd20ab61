"""Orders by their payment code, over REST: for counters, whose keys may keep a till."""

from typing import Final

from litestar.params import FromPath

from topup.channels.api import pay_code_shapes as said
from topup.channels.api import rendering, shapes
from topup.channels.api.endpoints import Endpoint, Parameter
from topup.channels.api.reading import name_of, path_text, permitted
from topup.kernel.errors import NotFound, Throttled
from topup.orders.desk import Desk
from topup.people.permissions import Permission
from topup.platform.database import Database
from topup.platform.web import Handlers, limit
from topup.platform.web.answers import Answer, answer
from topup.platform.web.edge import AnyRequest

_CODE: Final = Parameter("code", "path", "Ten digits that the payer says; spaces are left out.", "4821773596")


class PayCodes(Handlers):
    """Handlers of the routes of payment codes."""

    def __init__(self, *, desk: Desk, database: Database) -> None:
        self._desk = desk
        self._database = database

    async def find(self, request: AnyRequest, code: FromPath[str]) -> Answer:
        """The order that waits for its payment under a code: what a counter must know to take the money. Wrong codes
        are counted against the key.
        """
        principal = await permitted(request, self._database, Permission.KEEP_TILL)
        limit(request, "read")
        found = await self._desk.elsewhere.find(text=path_text(code), payer=name_of(principal), address=None)
        payable = self._desk.elsewhere.open(token=found.token)
        order = await self._desk.get_order(order_id=payable.order_id)
        shown = said.PayableOrder(
            order_id=order.id,
            status=order.status,
            masked_number=order.msisdn.masked(),
            carrier=rendering.carrier_of(order.carrier_id, order.carrier_names),
            total=shapes.Money(order.total.amount_minor, order.total.currency),
            payable_until=found.until,
        )
        return answer(rendering.encode(shown))

    def endpoints(self) -> list[Endpoint]:
        """The routes."""
        return [
            Endpoint("GET", "/api/v1/pay-codes/{code}", self.find, "findOrderByPayCode",
                     "Find an order by its payment code", "Tills", said.PayableOrder, parameters=(_CODE,),
                     permission=Permission.KEEP_TILL.value,
                     problems=("pay_code_unreadable", NotFound("pay_code_unknown"),
                               Throttled("pay_code_shut_out"))),
        ]  # fmt: skip
