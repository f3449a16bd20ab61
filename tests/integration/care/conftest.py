"""Care upon the scripted shop."""

from uuid import uuid4

import pytest

from tests.support.desk import FOREIGN_NUMBER, LANES
from topup.care.desk import Care, Written
from topup.care.states import Topic
from topup.catalogue.queries import CatalogueCache


class Helped:
    """People who ask for help, and the house they ask."""

    def __init__(self, shop):
        self.shop = shop
        self.care = Care(
            database=shop.database,
            desk=shop.desk,
            catalogue=CatalogueCache(),
            keys=shop.keys,
            lanes=LANES,
            public_url="http://127.0.0.1:8080",
        )

    async def unpaid(self):
        return await self.shop.ordered()

    async def delivered(self):
        order = await self.shop.ordered()
        await self.shop.tells(self.shop.paid(await self.shop.paying(order)))
        return await self.shop.order(order)

    async def waiting_to_be_sent(self):
        order = await self.shop.ordered(number=FOREIGN_NUMBER, amount=1000, currency="SGD")
        await self.shop.tells(self.shop.paid(await self.shop.paying(order)))
        return await self.shop.order(order)

    async def sent(self, *answers):
        self.shop.carrier.answers = list(answers)
        order = await self.waiting_to_be_sent()
        await self.shop.desk.outside.deliver()
        return await self.shop.order(order)

    def written(self, topic=Topic.OTHER, text="Please help", **more):
        return Written(**{"key": str(uuid4()), "topic": topic, "text": text, "locale": "en", **more})

    async def rows(self, sql, *parameters):
        async with self.shop.database.read() as transaction:
            return await (await transaction.connection.execute(sql, parameters)).fetchall()


@pytest.fixture
def helped(shop):
    return Helped(shop)
