"""One person who asks and one who approves, each as a process of its own that may be killed: `python -m … URL DEED`."""

import asyncio
import contextlib
import sys
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.database import settings_for
from topup.care.replacing import Replacement, Replacing
from topup.fulfilment.floats import Floats
from topup.fulfilment.ports import CarrierCapability
from topup.kernel.errors import Conflict
from topup.kernel.money import Money
from topup.lines.barring import Barring
from topup.lines.cards.desk import CardDesk
from topup.lines.cards.states import Given
from topup.lines.queries import LineRef
from topup.orders.evidence import Evidence
from topup.orders.following_up import FollowingUp
from topup.people.id_checks import shown
from topup.platform.crash import arm
from topup.platform.database import Database
from topup.platform.keys import KeyRing
from topup.reconciliation.signing import Signing
from topup.work.approvals import Approval, Approvals, Kind, Wish
from topup.work.queries import open_items

SUBJECT = "pay_01m7yvpaw208wggeccwn03fkz7"


@dataclass(frozen=True)
class Anybody:
    """Somebody who may do everything."""

    id: str
    role: str = "operator"

    def may(self, permission: str) -> bool:
        return bool(permission)


async def _prepare(connection, wish, now):
    return {}


async def _execute(transaction, approval):
    await transaction.connection.execute("INSERT INTO work.deeds VALUES (%s)", [approval.subject])
    return {}


def approvals(database: Database) -> Approvals:
    return Approvals(database=database, kinds=[Kind("deed", "ask", "decide", _prepare, _execute)])


async def request(database: Database) -> None:
    # It may have been asked for before we were killed.
    with contextlib.suppress(Conflict):
        await approvals(database).request(Anybody("stf_one"), Wish("deed", SUBJECT, {}, "Because"))


async def approve(database: Database) -> None:
    for one in await approvals(database).page(waiting=True):
        await approvals(database).approve(Anybody("stf_two"), one.id, note="")


async def look(database: Database) -> None:
    """At the evidence of whatever is on the list; says what was shown."""
    async with database.read() as transaction:
        [item] = await open_items(transaction.connection)
    with TemporaryDirectory() as keys:
        shown = await Evidence(database=database, keys=KeyRing(Path(keys))).of(Anybody("stf_one"), item.id)
    print(f"{len(shown)} shown")


ORDER = "ord_01m7yvpaw208wggeccwn03fkz7"


async def ask(database: Database) -> None:
    await FollowingUp(database).ask_again(Anybody("stf_one"), ORDER)


async def hand_over(database: Database) -> None:
    await FollowingUp(database).hand_over(Anybody("stf_one"), ORDER, reason="Call them")


async def replay(database: Database) -> None:
    await FollowingUp(database).note_replay(Anybody("stf_one"), ORDER, event="evt")


async def bar(database: Database) -> None:
    async with database.read() as transaction:
        [found] = await (await transaction.connection.execute("SELECT id FROM lines.lines")).fetchone()
    # It may have been barred before we were killed.
    with contextlib.suppress(Conflict):
        await Barring(database).bar(Anybody("stf_one"), found, reason="Stolen")


async def block_card(database: Database) -> None:
    async with database.read() as transaction:
        [found] = await (await transaction.connection.execute("SELECT id FROM lines.cards")).fetchone()
    # It may have been blocked before we were killed.
    with contextlib.suppress(Conflict):
        await CardDesk(database).block(Anybody("stf_one"), found, reason="Stolen")


async def replace_card(database: Database) -> None:
    """The first blank card, for the only line; whose it is nobody knows, and a second person agrees."""
    async with database.read() as transaction:
        connection = transaction.connection
        [lane, line] = await (await connection.execute("SELECT lane, id FROM lines.lines")).fetchone()
        [iccid] = await (await connection.execute("SELECT iccid FROM lines.cards ORDER BY iccid DESC")).fetchone()
    wanted = Replacement(
        line=LineRef(lane, line),
        iccid=iccid,
        reason=Given.LOST,
        seen=shown(document="passport", number="E12345678"),
        shop="hall",
        by="stf_one",
        key="form:1",
        allowed_by="stf_two",
    )
    with TemporaryDirectory() as keys:
        await Replacing(database=database, keys=KeyRing(Path(keys)), lanes=2).replace(wanted)


async def sign(database: Database) -> None:
    # It may have been signed before we were killed.
    with contextlib.suppress(Conflict):
        await Signing(database).sign(Anybody("stf_one"), method="alipay", day=date(2026, 3, 10))


class Prepaid:
    """A carrier at which little is left of our float."""

    capabilities = frozenset({CarrierCapability.FLOAT})

    async def float_balance(self) -> Money:
        return Money(1, "CNY")


async def watch(database: Database) -> None:
    await Floats(database=database, carriers={"prepaid": Prepaid()}, alarms={"prepaid": Decimal(50)}).ask()


async def standing(database: Database) -> list[Approval]:
    room = approvals(database)
    return [*await room.page(waiting=True), *await room.page(waiting=False)]


DEEDS = {
    one.__name__: one
    for one in (request, approve, look, ask, hand_over, replay, bar, block_card, replace_card, sign, watch)
}


async def _main(url: str, deed: str) -> None:
    async with Database.open(settings=settings_for(url), migrating=False) as database:
        await DEEDS[deed](database)


if __name__ == "__main__":
    arm(development=True)
    asyncio.run(_main(*sys.argv[1:]))
