"""A shop that is paid by every way that is of the house, and a hand for each: whoever does there what is left to do.

A voucher and a balance pay by themselves. Cash wants a clerk who takes it and hands it back; a bank transfer wants a
bank whose statement says that it came, and a person who sends it back.
"""

import io
import itertools
import secrets
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from tests.support.desk import LANES, ScriptedCarrier, ScriptedGateway, publish_demonstration
from tests.support.statements_of_banks import ACCOUNT, Moved, camt
from tests.support.vouchers import VoucherShop
from topup.catalogue.queries import CatalogueCache
from topup.kernel.errors import NotFound
from topup.kernel.ids import PaymentId, lane_of, new_id
from topup.kernel.money import Money
from topup.orders.desk import Desk
from topup.orders.paying import Presented
from topup.orders.reading import Parts
from topup.payments.cash.tills import TO_PAY_BACK, Tendered
from topup.payments.methods import own_methods
from topup.payments.methods.settings import OWN, BankTransferSettings
from topup.payments.ports import BillLine, Gateway, PaymentRequest, Scene
from topup.payments.terminal.charges import TO_GIVE_BACK, Slip
from topup.payments.transfers.operations import SEND_BACK
from topup.platform.keys import KeyRing
from topup.reconciliation.desk import Reconciliation

TILL = "counter-1"
FLOAT = 20_000
RICH = ("13800138001", "13800138002", "13800138003")
"""Lines of a carrier that lets their credit pay for others."""
SETTINGS = {name: settings() for name, settings in OWN.items() if name != "bank_transfer"} | {
    "bank_transfer": BankTransferSettings(payee="Topup", account=ACCOUNT, currency="CNY", zone="Europe/Berlin")
}


@dataclass
class OwnShop(VoucherShop):
    """A desk with every own method, each with its hand."""

    reconciliation: Reconciliation | None = None
    hands: dict[str, "Hand"] = field(default_factory=dict)

    def method(self, name: str):
        return self.desk._parts.gateways[name]

    async def rich(self, minor: int = 50_000, *, times: int = 1) -> None:
        """Give each of RICH credit, as top-ups do."""
        for number in RICH * times:
            order = await self.ordered(number, minor)
            await self.tells(self.paid(await self.paying(order)))

    async def begun(self, hand: "Hand", *, amount=5000, number="13800138000"):
        """An order and its payment by a hand's method, as far as the payer alone can bring it."""
        order = await self.ordered(number, amount)
        return order, await self.begins(hand, order, PaymentId(new_id("payment", lane_of(order.id))))

    async def begins(self, hand: "Hand", order, payment_id: PaymentId):
        return await self.desk.pay(
            payment_id=payment_id,
            order_id=order.id,
            method=hand.name,
            locale="en",
            scene=hand.scene,
            presented=await hand.presents(payment_id, order.total),
        )

    async def request(self, hand: "Hand", amount_minor: int = 5000, payment_id: str | None = None) -> PaymentRequest:
        """What the method is asked where there is no order: the port alone."""
        payment_id = PaymentId(payment_id or new_id("payment", 1))
        amount = Money(amount_minor, "CNY")
        shown = await hand.presents(payment_id, amount)
        return PaymentRequest(
            payment_id=payment_id,
            amount=amount,
            description="a test",
            return_url="",
            notify_url="",
            expires_at=datetime.now(UTC) + self.database.clock_offset + timedelta(minutes=15),
            locale="en",
            scene=hand.scene,
            payment_code=shown.payment_code,
            wallet_user=shown.wallet_user,
            payer=shown.payer,
            carrier_id="qingfeng",
        )

    async def bill_of(self, name: str) -> list[BillLine]:
        """The lines of a method around our today: each has its own midnight."""
        today = (datetime.now(UTC) + self.database.clock_offset).date()
        return [line for days in (-1, 0, 1) for line in await self.method(name).bill(today + timedelta(days=days))]

    async def rows(self, sql: str, *parameters):
        async with self.database.read() as transaction:
            return await (await transaction.connection.execute(sql, parameters or None)).fetchall()

    async def everything_handed_back(self) -> int:
        """What waits for a person to give it back is given back; how much there was."""
        asked = await self.rows(
            "SELECT kind, subject FROM work.items WHERE state = 'open' AND kind = ANY (%s)",
            [TO_PAY_BACK, SEND_BACK, TO_GIVE_BACK],
        )
        by = {TO_PAY_BACK: "cash", SEND_BACK: "bank_transfer", TO_GIVE_BACK: "card_terminal"}
        for kind, refund_id in asked:
            await self.hands[by[kind]].gives_back(refund_id)
        return len(asked)


@dataclass
class Hand:
    """Whoever does what a method leaves to do. `name` is the method's."""

    shop: OwnShop
    name: str = ""
    scene: Scene = Scene.PHONE

    async def presents(self, payment_id: PaymentId, amount: Money) -> Presented:
        """What the payer shows."""
        return Presented(payer="somebody", payer_address="192.0.2.1")

    async def pays(self, payment_id: PaymentId, amount: Money) -> None:
        """Do what is left to do until it is paid; doing it again changes nothing."""

    async def gives_back(self, refund_id: str) -> None:
        """Do what is left to do until it is back; doing it again changes nothing."""


@dataclass
class VoucherHand(Hand):
    """Somebody with a scratch card for each payment."""

    name: str = "voucher"
    pins: dict[str, str] = field(default_factory=dict)

    async def presents(self, payment_id, amount):
        if payment_id not in self.pins:
            _, [card] = await self.shop.printed(face=amount.amount_minor)
            self.pins[payment_id] = card.pin
        return Presented(payer="somebody", payer_address="192.0.2.1", payment_code=self.pins[payment_id])


@dataclass
class BalanceHand(Hand):
    """The owner of a line with credit: a line for each payment, so that nobody waits for another's lock alone."""

    name: str = "balance"

    async def presents(self, payment_id, amount):
        return Presented(payer="somebody", wallet_user=RICH[sum(payment_id.encode()) % len(RICH)])


@dataclass
class CashHand(Hand):
    """A clerk at a till that is open, who knows what went into the drawer and out of it (`notes`)."""

    name: str = "cash"
    scene: Scene = Scene.COUNTER
    notes: dict[str, int] = field(default_factory=lambda: {"float": FLOAT})

    async def pays(self, payment_id, amount, *, more=0):
        """`more` is what is tendered beyond the price, and not given as change: it becomes a slip."""
        tendered = Money(amount.amount_minor + more, amount.currency)
        # Asked for by the port alone, the orders know nothing of it: what counts then is the drawer.
        with suppress(NotFound):
            await self.shop.desk.cash.take(Tendered(payment_id, TILL, tendered, "clerk", no_change=bool(more)))
        self.notes[payment_id] = tendered.amount_minor

    async def gives_back(self, refund_id):
        with suppress(NotFound):
            await self.shop.desk.cash.pay_back(refund_id=refund_id, till=TILL, by="clerk")
        [(minor,)] = await self.shop.rows(
            "SELECT amount_minor FROM payments.cash_refunds WHERE lane = %s AND id = %s", lane_of(refund_id), refund_id
        )
        self.notes[refund_id] = -minor

    async def counts(self) -> None:
        """Close the till with what is in the drawer."""
        counted = Money(sum(self.notes.values()), "CNY")
        await self.shop.desk.cash.close(till=TILL, counted=counted, by="another clerk")


@dataclass
class TerminalHand(Hand):
    """A clerk at a card terminal, who enters its slips, and its total after each."""

    name: str = "card_terminal"
    scene: Scene = Scene.COUNTER
    _numbers: itertools.count = field(default_factory=lambda: itertools.count(1))

    async def pays(self, payment_id, amount):
        # Asked for by the port alone, the orders know nothing of it: what counts then is the slip.
        with suppress(NotFound):
            await self.shop.desk.terminals.enter(Slip(payment_id, "pos-1", f"S-{payment_id[-12:]}", "clerk"))
        await self.totals(amount.amount_minor)

    async def gives_back(self, refund_id):
        with suppress(NotFound):
            await self.shop.desk.terminals.give_back(
                refund_id=refund_id, terminal="pos-1", reference=f"R-{refund_id[-12:]}", by="clerk"
            )
        [(minor,)] = await self.shop.rows(
            "SELECT amount_minor FROM payments.card_backs WHERE lane = %s AND id = %s", lane_of(refund_id), refund_id
        )
        await self.totals(-minor)

    async def totals(self, minor: int) -> None:
        """The terminal's total since the last one, as it prints it."""
        form = f"batch-{next(self._numbers)}"
        await self.shop.desk.terminals.close_batch(terminal="pos-1", total=Money(minor, "CNY"), form=form, by="clerk")


@dataclass
class BankHand(Hand):
    """A payer who sends money by bank, the bank that says so, and a person who sends money back."""

    name: str = "bank_transfer"
    references: dict[str, str] = field(default_factory=dict)
    _numbers: itertools.count = field(default_factory=lambda: itertools.count(1))

    async def pays(self, payment_id, amount):
        await self.imports(await self.moved(payment_id, amount))

    async def moved(self, payment_id: str, amount: Money, *, time: int = 1, text: str | None = None) -> Moved:
        """What the statement says of it: the same each time. `time` tells several transfers for one payment apart."""
        [(code,)] = await self.shop.rows(
            "SELECT code FROM payments.transfer_codes WHERE lane = %s AND payment_id = %s",
            lane_of(payment_id),
            payment_id,
        )
        reference = self.references.setdefault(f"{payment_id} {time}", f"B{next(self._numbers)}-{secrets.token_hex(3)}")
        day = (datetime.now(UTC) + self.shop.database.clock_offset).date().isoformat()
        return Moved(amount.to_major(), code if text is None else text, reference, currency=amount.currency, day=day)

    async def imports(self, *moved: Moved) -> None:
        await self.shop.desk.transfers.import_statement(io.BytesIO(camt(*moved)), is_csv=False)

    async def gives_back(self, refund_id):
        with suppress(NotFound):
            await self.shop.desk.transfers.sent_back(refund_id=refund_id, bank_reference=f"OUT{refund_id}", by="desk")


def own_of(database, keys: KeyRing, catalogue: CatalogueCache) -> dict[str, Gateway]:
    """Every own method there is, as an installation makes them."""
    store = SimpleNamespace(database=database, keyring=keys, installation=SimpleNamespace(lanes=LANES))
    return own_methods(SETTINGS, store=store, catalogue=catalogue)


async def with_hands(desk: Desk, *, database, gateway, carrier, keys, reconciliation) -> OwnShop:
    """A shop of that desk, whose till is open."""
    own = desk._parts.gateways
    shop = OwnShop(
        desk, database, gateway, carrier, keys, vouchers=own["voucher"], cash=own["cash"], reconciliation=reconciliation
    )
    shop.hands = {name: make(shop) for name, make in HANDS.items()}
    await desk.cash.open(till=TILL, float_=Money(FLOAT, "CNY"), by="clerk")
    return shop


HANDS = {hand.name: hand for hand in (VoucherHand, BalanceHand, CashHand, TerminalHand, BankHand)}


@pytest.fixture
async def own_shop(database, data_dir) -> AsyncIterator[OwnShop]:
    await publish_demonstration(database)
    gateway, carrier, catalogue = ScriptedGateway(), ScriptedCarrier(), CatalogueCache()
    data_dir.mkdir(exist_ok=True)
    keys = KeyRing(data_dir / "keys")
    own = own_of(database, keys, catalogue)
    reconciliation = Reconciliation(database=database, gateways=own)
    parts = Parts(
        database=database,
        catalogue=catalogue,
        keys=keys,
        lanes=LANES,
        gateways={"scripted": gateway, **own},
        carriers={"external_demo": carrier},
        public_url="http://127.0.0.1:8080",
        keeping=reconciliation.keeping,
    )
    async with Desk(parts) as desk:
        yield await with_hands(
            desk, database=database, gateway=gateway, carrier=carrier, keys=keys, reconciliation=reconciliation
        )
