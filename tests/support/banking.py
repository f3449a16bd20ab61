"""A shop whose payers pay by bank transfer, and the statements of its bank."""

import io
import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from tests.support.desk import LANES, OWN_NUMBER, ScriptedCarrier, ScriptedGateway, Shop, publish_demonstration
from tests.support.statements_of_banks import ACCOUNT, Moved, camt
from topup.catalogue.queries import CatalogueCache
from topup.kernel.ids import PaymentId, lane_of, new_id
from topup.orders.desk import Desk
from topup.orders.reading import Parts
from topup.payments.methods.bank_transfer import BankTransfer
from topup.payments.methods.settings import BankTransferSettings
from topup.platform.keys import KeyRing

NUMBERS = itertools.count(1)
SETTINGS = BankTransferSettings(payee="Topup", account=ACCOUNT, currency="CNY", bic="COBADEFFXXX", zone="Europe/Berlin")


@dataclass
class Bank(Shop):
    """A shop whose payers pay by bank."""

    async def begun(self, number=OWN_NUMBER, amount=5_000):
        order = await self.ordered(number, amount)
        payment = await self.desk.pay(
            payment_id=PaymentId(new_id("payment", lane_of(order.id))),
            order_id=order.id,
            method="bank_transfer",
            locale="en",
        )
        return order, payment

    def moved(self, payment, *, amount=None, text=None, reference=None, **more) -> Moved:
        told = payment.action.parameters
        return Moved(
            amount or told["amount"],
            told["reference"] if text is None else text,
            f"B{next(NUMBERS)}" if reference is None else reference,
            currency=more.pop("currency", "CNY"),
            day=more.pop("day", (datetime.now(UTC) + self.database.clock_offset).date().isoformat()),
            **more,
        )

    async def imports(self, *moved: Moved, **how):
        return await self.desk.transfers.import_statement(io.BytesIO(camt(*moved, **how)), is_csv=False)

    async def rows(self, sql: str):
        async with self.database.read() as transaction:
            return await (await transaction.connection.execute(sql)).fetchall()

    async def one_entry(self) -> str:
        [(entry,)] = await self.rows("SELECT id FROM payments.bank_entries WHERE state <> 'settled'")
        return entry

    async def refunds_sent(self) -> list[str]:
        return [one for (one,) in await self.rows("SELECT refund_id FROM payments.transfer_returns")]


@pytest.fixture
async def bank(database, data_dir) -> AsyncIterator[Bank]:
    await publish_demonstration(database)
    gateway, carrier = ScriptedGateway(), ScriptedCarrier()
    data_dir.mkdir(exist_ok=True)
    keys = KeyRing(data_dir / "keys")
    parts = Parts(
        database=database,
        catalogue=CatalogueCache(),
        keys=keys,
        lanes=LANES,
        gateways={"scripted": gateway, "bank_transfer": BankTransfer(SETTINGS, database=database)},
        carriers={"external_demo": carrier},
        public_url="http://127.0.0.1:8080",
    )
    async with Desk(parts) as desk:
        yield Bank(desk, database, gateway, carrier, keys)
