"""Gateways that keep what payers leave with them or agree with them, and people who do."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tests.support.desk import ScriptedGateway
from tests.support.households import Households
from topup.kernel.ids import PaymentId, lane_of, new_id
from topup.kernel.money import Money
from topup.kernel.outcome import Done
from topup.payments.instruments.ports import AgreementAnswer, AgreementStanding, Terms
from topup.payments.ports import Decline, Instrument, PaymentFact, PaymentStanding, Scene, Unsupported


class WalletGateway(ScriptedGateway):
    """The scripted one, that agrees and keeps no cards: `signed` are agreements, by what they are charged by, and
    `forgotten` what was ended; `asked_by` is what it was last asked by of each.
    """

    agreement_days = (30, 7)
    agreement_currency = "CNY"

    def __init__(self) -> None:
        super().__init__()
        self.forgotten: list[str] = []
        self.forget_answers: list = []
        self.asked_by: dict[str, str] = {}
        self.charge_answers: list = []
        self.charged: list[str] = []
        self.signed: dict[str, str] = {}
        self.agreement_answers: list[AgreementAnswer] = []

    async def start(self, request):
        """With nobody there the card is charged at once, or what a test lined up: a Decline, an Outcome, an Action."""
        if request.scene is not Scene.UNATTENDED:
            return await super().start(request)
        number = request.payment_id
        before = self.standing.get(number)
        if before is not None:
            return before[0]
        answer = self.charge_answers.pop(0) if self.charge_answers else None
        if isinstance(answer, Decline):
            fact = PaymentFact(number, PaymentStanding.DECLINED, f"d-{number}", None, None, reason=answer.value)
        elif answer is not None:
            return answer
        else:
            self.charged.append(request.instrument)
            fact = PaymentFact(number, PaymentStanding.PAID, f"r-{number}", request.amount, self.clock())
        self.standing[number] = [fact]
        return fact

    def clock(self):
        return datetime.now(UTC)

    def agreement_page(self, request):
        return f"https://wallet.example/agree/{request.agreement_id}?most={request.terms.most.amount_minor}"

    async def query_agreement(self, agreement_id, token=""):
        """What its owner signed, or what a test lined up."""
        self.asked_by[agreement_id] = token
        if self.agreement_answers:
            return self.agreement_answers.pop(0)
        if agreement_id not in self.signed:
            return AgreementAnswer(AgreementStanding.ABSENT)
        return AgreementAnswer(AgreementStanding.SIGNED, Instrument(self.signed[agreement_id], "Alipay sim***"))

    async def end_agreement(self, token):
        if not self.agreement_days:
            raise Unsupported("agreements")
        if self.forget_answers:
            answer = self.forget_answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        self.forgotten.append(token)
        self.signed = {number: by for number, by in self.signed.items() if by != token}
        return Done(token)


class KeepingGateway(WalletGateway):
    """The same, with a memory for cards too."""

    async def forget_instrument(self, token):
        return await self.end_agreement(token)


@dataclass
class Cards:
    """People who leave cards at a shop."""

    shop: object

    async def person(self) -> str:
        """Somebody with an account."""
        households = Households(self.shop.database, self.shop.keys)
        return await households.moves_in(f"+861391{secrets.randbelow(10**7):07}")

    async def left(self, subscriber_id: str, token: str = "cus_1:pm_1", label: str = "Visa 4242"):
        """A card, left at a payment that was made; not asked about yet."""
        payment_id = await self.begun(subscriber_id)
        await self.made(payment_id, Instrument(token, label))
        return payment_id

    async def begun(self, subscriber_id: str) -> str:
        order = await self.shop.ordered(payer_id=subscriber_id)
        payment_id = PaymentId(new_id("payment", lane_of(order.id)))
        await self.shop.paying(order, payment_id, keep_for=subscriber_id)
        return payment_id

    async def made(self, payment_id, instrument: Instrument | None) -> None:
        """The payer paid; the gateway knows what they left."""
        [request] = self.shop.gateway.starts[payment_id]
        async with self.shop.database.read() as transaction:
            now = transaction.now
        fact = PaymentFact(payment_id, PaymentStanding.PAID, f"r-{payment_id}", request.amount, now, instrument)
        self.shop.gateway.standing[payment_id] = [fact]
        await self.shop.tells(fact)

    async def asks_to_agree(self, subscriber_id: str, most_minor: int = 10_000, every_days: int = 30) -> str:
        """They are sent to the wallet."""
        agreement_id = self.shop.desk.agreements.new_id(subscriber_id=subscriber_id)
        terms = Terms(Money(most_minor, "CNY"), every_days)
        await self.shop.desk.agreements.agree(
            subscriber_id=subscriber_id, method="scripted", terms=terms, agreement_id=agreement_id
        )
        return agreement_id

    async def agrees(self, subscriber_id: str, **terms: int) -> str:
        """They have signed it in the wallet, which was asked."""
        agreement_id = await self.asks_to_agree(subscriber_id, **terms)
        self.shop.gateway.signed[agreement_id] = f"agreed-{agreement_id}"
        self.shop.database.clock_offset += timedelta(minutes=1)
        await self.shop.desk.agreements.ask_due()
        return agreement_id

    async def of(self, subscriber_id: str) -> list[str]:
        """What somebody has, by what they know it by."""
        return [one.label for one in await self.shop.desk.instruments.of(subscriber_id=subscriber_id)]

    async def swept(self) -> None:
        """All that is due now."""
        await self.shop.desk.instruments.keep_due()
        await self.shop.desk.instruments.forget_due()
