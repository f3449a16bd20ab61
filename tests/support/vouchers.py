"""A shop that takes vouchers and cash beside its scripted gateway, and batches of vouchers to pay with."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

import pytest

from tests.support.desk import LANES, ScriptedCarrier, ScriptedGateway, Shop, publish_demonstration
from topup.catalogue.queries import CatalogueCache
from topup.kernel.ids import PaymentId, lane_of, new_id
from topup.kernel.money import Money
from topup.orders.desk import Desk
from topup.orders.paying import Presented
from topup.orders.reading import Parts
from topup.payments.methods.cash import Cash
from topup.payments.methods.voucher import Vouchers
from topup.payments.vouchers import operations
from topup.payments.vouchers.approving import asking_for, kind
from topup.payments.vouchers.operations import Printed, Wanted, last_day
from topup.payments.vouchers.queries import Batch
from topup.platform.database import Database
from topup.platform.keys import KeyRing
from topup.work.approvals import Approvals

from .approving import Anybody


async def agreed(database: Database, wanted: Wanted, *, batch_id: str = "") -> str:
    """A batch that one asked for and another approved; gives its id. It ends with the last day it says."""
    said = {
        "face": wanted.face.to_major(),
        "currency": wanted.face.currency,
        "count": str(wanted.count),
        "until": last_day(wanted.valid_until).isoformat(),
        "carrier": wanted.carrier_id or "",
    }
    approvals = Approvals(database=database, kinds=[kind()])
    asked = await approvals.request(
        Anybody(wanted.made_by), asking_for(said, reason="For the shops", batch_id=batch_id)
    )
    return (await approvals.approve(Anybody("stf_another"), asked.id, note="")).subject


@dataclass
class VoucherShop(Shop):
    """A shop whose orders may be paid with a PIN."""

    vouchers: Vouchers | None = None
    cash: Cash | None = None

    async def printed(
        self, count=1, face=5000, currency="CNY", *, days=30, carrier_id=None, activate=True
    ) -> tuple[Batch, list[Printed]]:
        """A batch that was made and exported, and pays where `activate`."""
        async with self.database.transaction() as transaction:
            now = transaction.now
            wanted = Wanted(Money(face, currency), count, now + timedelta(days=days), "test", carrier_id)
            batch, printed = await operations.make(transaction.connection, wanted, now, keys=self.keys, lanes=LANES)
            batch = await operations.exported(transaction.connection, batch_id=batch.id, now=now)
            if activate:
                batch = await operations.activate(transaction.connection, batch_id=batch.id, now=now)
        return batch, printed

    async def change(self, operation, **what):
        """One of `vouchers.operations` in a transaction of its own."""
        async with self.database.transaction() as transaction:
            return await operation(transaction.connection, now=transaction.now, **what)

    async def redeems(self, order, pin, *, payment_id=None, payer="somebody", address="192.0.2.1", **how):
        """Try to pay with a PIN; gives the payment as it stands afterwards."""
        payment_id = payment_id or PaymentId(new_id("payment", lane_of(order.id)))
        begun = await self.desk.pay(
            payment_id=payment_id,
            order_id=order.id,
            method="voucher",
            locale="zh_Hans",
            presented=Presented(payer_address=address, payment_code=pin, payer=payer),
            **how,
        )
        found = await self.order(order)
        return next(payment for payment in found.payments if payment.id == begun.id)


@pytest.fixture
async def voucher_shop(database, data_dir) -> AsyncIterator[VoucherShop]:
    await publish_demonstration(database)
    gateway, carrier = ScriptedGateway(), ScriptedCarrier()
    data_dir.mkdir(exist_ok=True)
    keys = KeyRing(data_dir / "keys")
    cash = Cash(database=database)
    vouchers = Vouchers(database=database, keys=keys, lanes=LANES)
    parts = Parts(
        database=database,
        catalogue=CatalogueCache(),
        keys=keys,
        lanes=LANES,
        gateways={"scripted": gateway, "voucher": vouchers, "cash": cash},
        carriers={"external_demo": carrier},
        public_url="http://127.0.0.1:8080",
    )
    async with Desk(parts) as desk:
        yield VoucherShop(desk, database, gateway, carrier, keys, vouchers=vouchers, cash=cash)
