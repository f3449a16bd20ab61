"""Where agents sell, and see what they sold: what every channel of theirs calls."""

from collections.abc import Callable
from typing import NotRequired, TypedDict, Unpack, cast

from topup.catalogue.queries import CatalogueCache
from topup.kernel.errors import Conflict
from topup.kernel.ids import AgentId
from topup.kernel.money import Money
from topup.kernel.msisdn import parse_msisdn
from topup.orders.agents.books import AgentBooks
from topup.orders.agents.selling import SaleWanted, Selling, Sold
from topup.orders.completion import LineIsFull
from topup.orders.ordering import Ordering
from topup.orders.settlement import Settlement
from topup.platform.batching import Batcher
from topup.platform.database import Database
from topup.platform.keys import KeyRing
from topup.platform.once import Asked, Key, Once
from topup.platform.request_keys import Stored


class NewSale(TypedDict):
    """What a channel says of a sale that an agent wants."""

    number: str
    product: str | None
    amount: Money | None
    confirmations: NotRequired[frozenset[str]]
    locale: str


class Agents(AgentBooks):
    """The sales of one process. `wake` is called when a delivery waits to be submitted."""

    def __init__(
        self,
        *,
        database: Database,
        catalogue: CatalogueCache,
        keys: KeyRing,
        lanes: int,
        ordering: Ordering,
        settlement: Settlement,
        wake: Callable[[], None],
    ) -> None:
        selling = Selling(ordering=ordering, settlement=settlement, catalogue=catalogue, keys=keys, lanes=lanes)
        super().__init__(database=database)
        self._wake = wake
        self._sell = Batcher(database, "agents.sell", Once(selling.sell, lanes=lanes), gathers=True)

    async def aclose(self) -> None:
        """Finish what was taken in, take nothing more."""
        await self._sell.aclose()

    async def sell_once(self, key: Key[Sold] | None, *, agent_id: AgentId, **wanted: Unpack[NewSale]) -> Sold | Stored:
        """Sell from the agent's float, once for a caller's key: its answer again if it has one. Raises those of
        `Selling.sell`, line_cannot_hold, key_reused, request_running.
        """
        item = SaleWanted(
            agent_id,
            parse_msisdn(wanted["number"]),
            wanted["product"],
            wanted["amount"],
            wanted.get("confirmations", frozenset()),
            wanted["locale"],
        )
        try:
            done = cast("Sold | Stored", await self._sell.submit(Asked(lambda _: item, agent_id, key)))
        except LineIsFull:
            raise Conflict("line_cannot_hold") from None
        if isinstance(done, Sold) and done.to_submit:
            self._wake()
        return done
