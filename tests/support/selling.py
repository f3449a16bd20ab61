"""An agent's program and the jobs beside it, as processes that may be killed: `python -m … URL FOLDER DEED MINUTES`."""

import asyncio
import sys
from datetime import timedelta
from pathlib import Path

from tests.support.database import settings_for
from tests.support.desk import LANES, ScriptedCarrier
from topup.catalogue.queries import CatalogueCache
from topup.kernel.ids import AgentId
from topup.kernel.money import Money
from topup.kernel.outcome import Reason, Refused
from topup.orders.desk import Desk
from topup.orders.reading import Parts
from topup.payments.floats.method import AgentFloat
from topup.people.agents.queries import agents
from topup.platform.crash import arm
from topup.platform.database import Database
from topup.platform.keys import KeyRing
from topup.platform.once import Key
from topup.platform.request_keys import KeyedRequest

ABROAD = "+6581234500"


async def sell(desk: Desk, agent_id: AgentId) -> None:
    """One sale, under the same key each time; its carrier refuses it."""
    request = KeyedRequest(f"agent:{agent_id}", "sale", "the key", b"", agent_id)
    await desk.agents.sell_once(
        Key(request, lambda sold: (201, sold.order_id.encode())),
        agent_id=agent_id,
        number=ABROAD,
        product=None,
        amount=Money(1000, "SGD"),
        locale="en",
    )


async def work(desk: Desk, _agent_id: AgentId) -> None:
    """What the jobs do: the delivery is refused, and the money goes back."""
    for _ in range(3):
        await desk.outside.deliver()
        await desk.outside.refund()


DEEDS = {one.__name__: one for one in (sell, work)}


async def _main(url: str, folder: str, deed: str, minutes: str) -> None:
    carrier = ScriptedCarrier()
    carrier.answers = [Refused(Reason.USER, "suspended")]
    async with Database.open(settings=settings_for(url), migrating=False) as database:
        # After a crash the lease of whoever died is over.
        database.clock_offset = timedelta(minutes=int(minutes))
        method = AgentFloat(database=database)
        parts = Parts(
            database=database,
            catalogue=CatalogueCache(),
            keys=KeyRing(Path(folder)),
            lanes=LANES,
            gateways={method.name: method},
            carriers={carrier.name: carrier},
            public_url="http://127.0.0.1",
        )
        async with database.read() as transaction:
            [one] = await agents(transaction.connection)
        async with Desk(parts) as desk:
            await DEEDS[deed](desk, one.id)


if __name__ == "__main__":
    arm(development=True)
    asyncio.run(_main(*sys.argv[1:]))
