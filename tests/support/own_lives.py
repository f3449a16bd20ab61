"""The house's own ways to pay, lived through by processes that are killed: `python -m … URL DIRECTORY KIND`.

For each label of the kind a process is forked that goes on where the one before it was killed, and then lives anew with
that label armed, until it is killed too. Whoever begins anew knows what a caller knows: the ids that it chose, the PINs
it was handed, and what it has been answered, written down in DIRECTORY after each step. The last process is not killed.
Prints the labels that killed, as JSON.
"""

import asyncio
import importlib
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.support.database import settings_for
from tests.support.desk import LANES, ScriptedCarrier, ScriptedGateway, publish_demonstration
from tests.support.own_methods import FLOAT, HANDS, OwnShop, own_of
from topup.catalogue.queries import CatalogueCache
from topup.kernel.errors import Problem
from topup.kernel.ids import PaymentId, lane_of, new_id
from topup.kernel.money import Money
from topup.orders.desk import Desk
from topup.orders.reading import Parts
from topup.payments.cash.drawer import CHANGE, Movement
from topup.payments.cash.tills import Tendered
from topup.payments.methods.settings import OWN
from topup.payments.ports import PaymentStanding, RefundRequest
from topup.payments.shown_codes import ShownCode
from topup.payments.terminal.charges import Slip
from topup.payments.vouchers import queries, tasks
from topup.payments.vouchers.desk import VoucherDesk
from topup.payments.vouchers.operations import Wanted, approve
from topup.payments.vouchers.states import VoucherState
from topup.platform import crash
from topup.platform.database import Database
from topup.platform.keys import KeyRing
from topup.shops.stock import operations as stock
from topup.shops.stock.movements import received
from topup.shops.stock.queries import Item

FIFTY = Money(5000, "CNY")
KINDS = ("voucher", "cash", "terminal", "balance", "transfers")


@dataclass
class Caller:
    """Does steps that it has not been answered yet; `memory` outlives it."""

    shop: OwnShop
    file: Path
    memory: dict[str, Any] = field(default_factory=dict)

    def remember(self, **what: Any) -> None:
        self.memory |= what
        draft = self.file.with_suffix(".draft")
        draft.write_text(json.dumps(self.memory))
        draft.rename(self.file)

    def chosen(self, name: str, make: Callable[[], str]) -> str:
        """What it chose once, before it asked for anything."""
        if name not in self.memory:
            self.remember(**{name: make()})
        return self.memory[name]

    async def step(self, name: str, do: Callable[[], Awaitable[Any]], *known: str) -> Any:
        """Do it, unless it was answered; `known` are the problems that say it was done by who was killed."""
        if f"did {name}" not in self.memory:
            answer = None
            try:
                answer = await do()
            except Problem as problem:
                if problem.code not in known:
                    raise
            self.remember(**{f"did {name}": answer if isinstance(answer, str) else True})
        return self.memory[f"did {name}"]

    async def order(self, name: str):
        """An order under an id of its own."""
        number = self.chosen(f"{name} number", lambda: f"1380{int.from_bytes(os.urandom(3)) % 10**7:07}")

        async def do():
            return (await self.shop.ordered(number)).id

        return await self.shop.desk.get_order(order_id=await self.step(f"{name} order", do))

    def payment(self, name: str, order_id: str) -> PaymentId:
        return PaymentId(self.chosen(f"{name} payment", lambda: new_id("payment", lane_of(order_id))))

    async def back(self, name: str, payment_id: str, method: str) -> str:
        """A refund that the port alone is asked for, as the orders would."""
        refund_id = self.chosen(f"{name} refund", lambda: new_id("refund", lane_of(payment_id)))

        async def do():
            [fact] = (await self.shop.method(method).query(payment_id)).facts
            assert fact.standing is PaymentStanding.PAID
            wanted = RefundRequest(refund_id, payment_id, fact.reference, FIFTY, "test")
            await self.shop.method(method).refund(wanted)

        await self.step(f"{name} back", do)
        return refund_id

    async def closes(self, method: str) -> None:
        unheard = self.chosen("unheard", lambda: new_id("payment", 3))
        await self.step("close", lambda: self.shop.method(method).close(unheard))

    async def settles(self, name: str, order) -> None:
        async def do():
            await self.shop.later(seconds=30)
            await self.shop.run()
            assert (await self.shop.order(order)).status == "delivered", name

        await self.step(f"{name} settled", do)


async def looks(shop: OwnShop, shown: ShownCode) -> None:
    assert await shop.method("voucher").look(shown) is None, "it would pay"


async def stocked(shop) -> None:
    """A shop that has cards; the same again brings no more of them."""
    async with shop.database.transaction() as transaction:
        connection, now = transaction.connection, transaction.now
        await stock.add_item(connection, Item("card-50", "card", {"zh_Hans": "50元充值卡"}), now)
        await stock.move(connection, received("first", "card-50", "hall", 100, by="test"), now, lanes=LANES)


async def voucher(caller: Caller) -> None:
    shop = caller.shop
    desk = VoucherDesk(database=shop.database, keys=shop.keys, lanes=LANES)

    def keep(batch, printed) -> None:
        caller.remember(batch=batch.id, cards=[[card.serial, card.pin] for card in printed])

    async def state_of(identifier: str) -> VoucherState | None:
        async with shop.database.read() as transaction:
            return await queries.state_of(transaction.connection, identifier)

    async def allowed(identifier: str, count: int, days: int) -> None:
        async with shop.database.transaction() as transaction:
            now = transaction.now
            wanted = Wanted(FIFTY, count, now + timedelta(days=days), "test", kind="batch")
            if await queries.state_of(transaction.connection, identifier) is None:
                approval = new_id("approval", 0)
                await approve(transaction.connection, wanted, batch_id=identifier, approval_id=approval, now=now)

    async def made(name: str, count: int, days: int) -> tuple[str, list]:
        identifier = caller.chosen(f"{name} id", lambda: new_id("batch", 0))
        await caller.step(f"{name} allowed", lambda: allowed(identifier, count, days))

        async def make() -> None:
            # Who was killed after the commit has the file of what was made; before it, the file is worth nothing.
            if await state_of(identifier) is VoucherState.APPROVED:
                await desk.make(keep, batch_id=identifier, by="test")

        await caller.step(name, make)
        return identifier, caller.chosen(f"{name} cards", lambda: caller.memory["cards"])

    first, cards = await made("batch", 3, 30)
    await caller.step("activate", lambda: desk.activate(batch_id=first, by="test"))
    order = await caller.order("paid")
    shop.hands["voucher"].pins[caller.payment("paid", order.id)] = cards[0][1]
    asked = await shop.request(shop.hands["voucher"], payment_id=caller.payment("paid", order.id))
    shown = ShownCode(FIFTY, "qingfeng", asked.payment_code, asked.payer_address, asked.payer)
    await caller.step("looks", lambda: looks(shop, shown))
    await caller.step("pays", lambda: shop.begins(shop.hands["voucher"], order, caller.payment("paid", order.id)))
    await caller.settles("paid", order)
    await caller.back("paid", caller.payment("paid", order.id), "voucher")
    await caller.step("shows", lambda: shop.desk.credit_slips(order_id=order.id))
    await caller.closes("voucher")
    await caller.step("blocks one", lambda: desk.block_one(serial=cards[1][0], by="test"))
    await caller.step("blocks", lambda: desk.block(batch_id=first, by="test"))
    second, left = await made("left", 2, 1)
    await caller.step("stocks", lambda: stocked(shop))
    key, serial = caller.chosen("handed", lambda: os.urandom(8).hex()), left[0][0]
    await caller.step(
        "hands over", lambda: desk.hand_over(serial=serial, shop="hall", sku="card-50", by="test", key=key)
    )
    await caller.step("activates", lambda: desk.activate(batch_id=second, by="test"))
    await shop.later(days=2)
    await caller.step("forgets", lambda: tasks.forget(shop.database))
    await caller.step("expires", lambda: tasks.expire(shop.database))


async def cash(caller: Caller) -> None:
    shop, desk = caller.shop, caller.shop.desk.cash
    till = caller.chosen("till", lambda: f"kiosk-{os.urandom(3).hex()}")
    await caller.step("opens", lambda: desk.open(till=till, float_=Money(FLOAT, "CNY"), by="clerk"), "till_open")
    order = await caller.order("paid")
    payment_id = caller.payment("paid", order.id)
    await caller.step("begins", lambda: shop.begins(shop.hands["cash"], order, payment_id))
    tendered = Tendered(payment_id, till, Money(9000, "CNY"), "clerk", no_change=True)
    await caller.step("takes", lambda: desk.take(tendered))
    await caller.settles("paid", order)
    refund_id = await caller.back("paid", payment_id, "cash")
    # The orders know no such refund: the drawer is what matters here.
    await caller.step("hands back", lambda: desk.pay_back(refund_id=refund_id, till=till, by="clerk"), "refund_unknown")
    await caller.closes("cash")
    change = Movement(caller.chosen("form", lambda: os.urandom(8).hex()), CHANGE, Money(1000, "CNY"), "coins", "clerk")
    await caller.step("fetches change", lambda: desk.move(till=till, movement=change))
    counted = Money(FLOAT + 9000 - 5000 + 1000, "CNY")
    changing = {"till": till, "counted": counted, "given_by": "clerk", "taken_by": "other"}
    await caller.step("hands over", lambda: desk.hand_over(**changing), "till_of_another")
    await caller.step("counts", lambda: desk.close(till=till, counted=counted, by="other"), "till_not_open")


async def terminal(caller: Caller) -> None:
    shop, desk = caller.shop, caller.shop.desk.terminals
    at = caller.chosen("terminal", lambda: f"pos-{os.urandom(3).hex()}")
    order = await caller.order("paid")
    payment_id = caller.payment("paid", order.id)
    await caller.step("begins", lambda: shop.begins(shop.hands["card_terminal"], order, payment_id))
    await caller.step("enters", lambda: desk.enter(Slip(payment_id, at, "SLIP-1", "clerk")))
    await caller.settles("paid", order)
    refund_id = await caller.back("paid", payment_id, "card_terminal")
    back = {"refund_id": refund_id, "terminal": at, "reference": "BACK-1", "by": "clerk"}
    # The orders know no such refund: the terminal's total is what matters here.
    await caller.step("gives back", lambda: desk.give_back(**back), "refund_unknown")
    await caller.closes("card_terminal")
    await caller.step("total", lambda: desk.close_batch(terminal=at, total=Money(0, "CNY"), form="evening", by="clerk"))


async def balance(caller: Caller) -> None:
    shop = caller.shop
    order = await caller.order("paid")
    payment_id = caller.payment("paid", order.id)
    await caller.step("pays", lambda: shop.begins(shop.hands["balance"], order, payment_id))
    await caller.settles("paid", order)
    await caller.back("paid", payment_id, "balance")
    await caller.closes("balance")
    # Held by who was killed before it was taken, and given up then.
    asked = await shop.request(shop.hands["balance"], 100, caller.chosen("held", lambda: new_id("payment", 3)))
    await caller.step("holds", lambda: holds(shop, asked))
    await caller.step("lets go", lambda: shop.method("balance").close(asked.payment_id))


async def holds(shop: OwnShop, asked) -> None:
    method = shop.method("balance")
    async with shop.database.transaction() as transaction:
        await method._hold(transaction, asked)


async def transfers(caller: Caller) -> None:
    shop, bank = caller.shop, caller.shop.hands["bank_transfer"]
    paid, lost = await caller.order("paid"), await caller.order("lost")
    payments = [caller.payment(name, order.id) for name, order in (("paid", paid), ("lost", lost))]
    for name, order, payment_id in (("paid", paid, payments[0]), ("lost", lost, payments[1])):
        await caller.step(f"begins {name}", lambda o=order, p=payment_id: shop.begins(bank, o, p))
        bank.references[f"{payment_id} 1"] = caller.chosen(f"{name} reference", lambda: f"B{os.urandom(6).hex()}")
    moved = [await bank.moved(payments[0], FIFTY), await bank.moved(payments[1], FIFTY, text="")]
    await caller.step("imports", lambda: bank.imports(*moved))
    [(entry,)] = await shop.rows(
        "SELECT id FROM payments.bank_entries WHERE bank_reference = %s", bank.references[f"{payments[1]} 1"]
    )
    matching = {"entry_id": entry, "payment_id": payments[1], "by": "test"}
    await caller.step("matches", lambda: shop.desk.transfers.match(**matching))
    await shop.desk.transfers.sweep()
    await caller.settles("paid", paid)
    await caller.settles("lost", lost)
    refund_id = await caller.back("paid", payments[0], "bank_transfer")
    await caller.step("sends back", lambda: bank.gives_back(refund_id))


LIVES = {"voucher": voucher, "cash": cash, "terminal": terminal, "balance": balance, "transfers": transfers}


async def live(url: str, directory: Path, kind: str, number: int, label: str) -> None:
    """Bring the life before this one to its end, and begin one that dies at the label (none: it does not)."""
    async with Database.open(settings=settings_for(url), migrating=False) as database:
        keys, catalogue = KeyRing(directory / "keys"), CatalogueCache()
        gateway, carrier = ScriptedGateway(), ScriptedCarrier()
        gateways = {"scripted": gateway, **own_of(database, keys, catalogue)}
        parts = Parts(
            database=database, catalogue=catalogue, keys=keys, lanes=LANES, gateways=gateways,
            carriers={"external_demo": carrier}, public_url="http://127.0.0.1:8080",
        )  # fmt: skip
        async with Desk(parts) as desk:
            shop = OwnShop(desk, database, gateway, carrier, keys)
            shop.hands = {name: make(shop) for name, make in HANDS.items()}
            if number == 0:
                await publish_demonstration(database)
                await shop.rich(times=4)
            for life in range(max(0, number - 1), number + 1):
                file = directory / f"{kind}-{life}.json"
                memory = json.loads(file.read_text()) if file.exists() else {}
                if life == number:
                    os.environ["TOPUP_CRASH_AT"] = label
                    crash.arm(development=True)
                database.clock_offset = timedelta(days=3 * life)
                await LIVES[kind](Caller(shop, file, memory))


def main() -> None:
    url, directory, kind = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    for name in OWN:
        importlib.import_module(f"topup.payments.methods.{name}")  # its labels
    labels = sorted(label for label in crash.LABELS if label.startswith(f"{kind}."))
    killed = []
    for number, label in enumerate([*labels, ""]):
        pid = os.fork()
        if not pid:
            asyncio.run(live(url, directory, kind, number, label))
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if code != (-signal.SIGKILL if label else 0):
            raise SystemExit(f"{label or 'the last'} ended with {code}")
        killed += [label] if label else []
    print(json.dumps(killed))


if __name__ == "__main__":
    main()
