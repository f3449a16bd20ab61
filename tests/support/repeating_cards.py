"""Deeds with the cards that payers leave and the wallets they agree with, for `repeating`: kept, removed, and let go of
by who is killed in between.
"""

import contextlib
from datetime import timedelta

from tests.support.keeping import Cards
from tests.support.small_deeds import Deed, Rows
from topup.kernel.errors import NotFound
from topup.kernel.ids import PaymentId
from topup.kernel.money import Money
from topup.payments.instruments.agreeing import AgreementHeard
from topup.payments.instruments.ports import Terms
from topup.payments.ports import AgreementFact, Instrument, PaymentFact, PaymentStanding

_CARD = Instrument("cus_1:pm_1", "Visa 4242")


class KeepCard(Deed):
    """A card left with a payment that was made is asked about, and kept."""

    sql = "SELECT label FROM payments.instruments WHERE subscriber_id = %s"

    async def prepare(self) -> None:
        cards = Cards(self.shop)
        self.known["who"] = await cards.person()
        self.known["payment"] = await cards.left(self.known["who"])

    async def do(self) -> None:
        payment_id = PaymentId(self.known["payment"])
        async with self.shop.database.read() as transaction:
            now = transaction.now
        order = await self.shop.desk.get_order(order_id=await self._order())
        fact = PaymentFact(payment_id, PaymentStanding.PAID, f"r-{payment_id}", order.total, now, _CARD)
        self.shop.gateway.standing[payment_id] = [fact]
        await self.in_time(self.shop.desk.instruments.keep_due)

    async def in_time(self, sweep) -> None:
        """When it is due, and when it is due again for whoever took it up and died."""
        for days in (1, 2):
            self.shop.database.clock_offset = timedelta(days=days)
            await sweep()
        self.shop.database.clock_offset = timedelta()

    async def _order(self) -> str:
        [[order_id]] = await self.rows("SELECT order_id FROM payments.payments WHERE id = %s", self.known["payment"])
        return order_id

    async def look(self) -> Rows:
        return await self.rows(self.sql, self.known["who"])


class AskAboutCard(KeepCard):
    sql = "SELECT asked FROM payments.keepings WHERE subscriber_id = %s"

    async def look(self) -> Rows:
        return await super().look() + await self.rows(KeepCard.sql, self.known["who"])


class SettleCard(KeepCard):
    sql = "SELECT count(*) FROM payments.keepings WHERE subscriber_id = %s"


class RemoveCard(KeepCard):
    sql = "SELECT removed_at IS NULL FROM payments.instruments WHERE subscriber_id = %s"

    async def prepare(self) -> None:
        await super().prepare()
        await KeepCard.do(self)
        [kept] = await self.shop.desk.instruments.of(subscriber_id=self.known["who"])
        self.known["card"] = kept.id

    async def do(self) -> None:
        # It may have been removed before we were killed.
        with contextlib.suppress(NotFound):
            await self.shop.desk.instruments.remove(subscriber_id=self.known["who"], instrument_id=self.known["card"])


class TellOfCard(RemoveCard):
    sql = "SELECT asked FROM payments.instruments WHERE subscriber_id = %s"

    async def prepare(self) -> None:
        await super().prepare()
        await super().do()

    async def do(self) -> None:
        await self.in_time(self.shop.desk.instruments.forget_due)


class ForgetCard(TellOfCard):
    sql = "SELECT count(*) FROM payments.instruments WHERE subscriber_id = %s"


class Agree(Deed):
    """An agreement is asked for; sent again under its id it is the same."""

    sql = "SELECT state FROM payments.agreements WHERE id = %s"

    async def prepare(self) -> None:
        self.known["who"] = await Cards(self.shop).person()
        self.known["agreement"] = self.shop.desk.agreements.new_id(subscriber_id=self.known["who"])

    async def do(self) -> None:
        await self.shop.desk.agreements.agree(
            subscriber_id=self.known["who"],
            method="scripted",
            terms=Terms(Money(10_000, "CNY"), 30),
            agreement_id=self.known["agreement"],
        )

    async def look(self) -> Rows:
        return await self.rows(self.sql, self.known["agreement"])


class AgreedBefore(Agree):
    """One that was asked for, and has been signed in the wallet."""

    sql = """
    SELECT a.state, i.label, i.removed_at IS NULL
    FROM payments.agreements AS a LEFT JOIN payments.instruments AS i ON i.lane = a.lane AND i.id = a.id
    WHERE a.id = %s
    """

    async def prepare(self) -> None:
        await super().prepare()
        await Agree.do(self)

    async def do(self) -> None:
        self.shop.gateway.signed[self.known["agreement"]] = f"agreed-{self.known['agreement']}"
        # When it is due, and when it is due again for whoever took it up and died.
        for days in (1, 2):
            self.shop.database.clock_offset = timedelta(days=days)
            await self.shop.desk.agreements.ask_due()
        self.shop.database.clock_offset = timedelta()


class AskAboutAgreement(AgreedBefore):
    sql = "SELECT state, asked FROM payments.agreements WHERE id = %s"


class CallOff(AgreedBefore):
    async def do(self) -> None:
        # It may have been called off before we were killed.
        with contextlib.suppress(NotFound):
            await self.shop.desk.agreements.call_off(
                subscriber_id=self.known["who"], agreement_id=self.known["agreement"]
            )


class HearOfAgreement(AgreedBefore):
    """It would be asked about in an hour, were the wallet not to tell of it."""

    sql = "SELECT ask_at < begins_at + interval '45 minutes' FROM payments.agreements WHERE id = %s"

    async def prepare(self) -> None:
        await super().prepare()
        self.shop.database.clock_offset = timedelta(hours=1)
        await self.shop.desk.agreements.ask_due()
        self.shop.database.clock_offset = timedelta()

    async def do(self) -> None:
        fact = AgreementFact(self.known["agreement"], ended=False)
        await self.shop.desk.agreements.hear(AgreementHeard(fact, "scripted"))


CARD_DEEDS: dict[str, type[Deed]] = {
    "instruments.ask": AskAboutCard,
    "instruments.keep": KeepCard,
    "instruments.query": KeepCard,
    "instruments.settle": SettleCard,
    "instruments.remove": RemoveCard,
    "instruments.forget": TellOfCard,
    "instruments.tell": ForgetCard,
    "instruments.forgotten": ForgetCard,
    "instruments.agree": Agree,
    "instruments.call_off": CallOff,
    "instruments.agreement_ask": AskAboutAgreement,
    "instruments.agreement_query": AgreedBefore,
    "instruments.agreement_settle": AgreedBefore,
    "instruments.agreement_told": HearOfAgreement,
}
