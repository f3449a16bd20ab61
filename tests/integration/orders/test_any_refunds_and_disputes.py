"""Whatever is given back, refused, disputed, won and lost of one payment, in whatever order: the ledger, the refunds
and the provider's bill agree in the end, and nobody sends by hand what would be more than came (G16).
"""

from datetime import UTC, datetime, timedelta
from itertools import count

from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from tests.support.approving import Anybody
from tests.support.bills import Auditor
from topup.kernel.errors import Conflict
from topup.kernel.money import Money
from topup.kernel.outcome import Done, Reason, Refused, Unknown
from topup.orders import giving_back
from topup.payments.ports import BillLine, DisputeFact, DisputeStanding
from topup.payments.states import BACK
from topup.reconciliation.desk import Reconciliation
from topup.work.approvals import Approvals, Wish

OPEN, WON, LOST = DisputeStanding.OPEN, DisputeStanding.WON, DisputeStanding.LOST
ASKS, DECIDES = Anybody("stf_one"), Anybody("stf_two")
FIRST = datetime(2027, 3, 10, 12, tzinfo=UTC)
"""Noon of the first example's day; each has its own, so that each has its own bill."""
_weeks = count()

ANSWERS = {
    "sent": Done("re_1"),
    "refused": Refused(Reason.CONFIGURATION, "closed"),
    "sent and not said so": Unknown("timeout"),
}
minor = st.integers(1, 1_000)
gives = st.tuples(st.just("gives"), minor, st.sampled_from(sorted(ANSWERS)))
objects = st.tuples(st.just("objects"), minor, st.sampled_from([WON, LOST, OPEN]))
decides = st.tuples(st.just("decides"), st.just(0), st.sampled_from([WON, LOST]))


class Life:
    """One payment of ten yuan, and what the provider really did with it."""

    def __init__(self, shop) -> None:
        self.shop = shop
        self.approvals = Approvals(database=shop.database, kinds=[*shop.desk.deciding.kinds(), giving_back.kind()])
        self.at = FIRST + timedelta(weeks=next(_weeks))
        self.day = self.at.date()
        self.sent: dict[str, int] = {}
        self.answer = "sent"
        shop.gateway.refund, shop.gateway.query_refund = self.refund, self.query_refund
        self.disputes: dict[str, tuple[int, DisputeStanding]] = {}

    async def begins(self) -> None:
        self.shop.database.clock_offset = self.at - datetime.now(UTC)
        self.payment = await self.shop.paying(await self.shop.ordered(amount=1_000))
        self.paid = self.payment.amount.amount_minor
        await self.shop.tells(self.shop.paid(self.payment, reference=f"pi_{self.payment.id[-9:]}", at=self.at))

    async def refund(self, request):
        """What the provider does with a refund, and says."""
        if self.answer != "refused":
            self.sent[request.refund_id] = request.amount.amount_minor
        return ANSWERS[self.answer]

    async def query_refund(self, refund, _):
        return Done(refund) if refund in self.sent else Refused(Reason.ABSENT, "absent")

    async def gives(self, amount: int, how: str) -> None:
        """Staff give back a part, as far as they may."""
        facts = {"amount": Money(amount, "CNY").to_major()}
        try:
            asked = await self.approvals.request(ASKS, Wish("refund", self.payment.id, facts, "Because"))
        except Conflict:
            return
        await self.approvals.approve(DECIDES, asked.id, note="")
        self.answer = how
        await self.shop.desk.outside.refund()
        self.answer = "sent"

    async def objects(self, amount: int, end: DisputeStanding) -> None:
        """The payer objects, to all the money at most, and the bank has decided or not."""
        disputed = sum(minor for minor, standing in self.disputes.values() if standing is not WON)
        if disputed == self.paid:
            return
        name = f"dp_{len(self.disputes)}_{self.payment.id[-9:]}"
        await self.decided(name, min(amount, self.paid - disputed), end)

    async def decides(self, _: int, end: DisputeStanding) -> None:
        """The bank decides what it has not."""
        for name, (amount, standing) in list(self.disputes.items()):
            if standing is OPEN:
                await self.decided(name, amount, end)

    async def decided(self, name: str, amount: int, standing: DisputeStanding) -> None:
        self.disputes[name] = (amount, standing)
        await self.shop.tells(DisputeFact(self.payment.id, name, standing, Money(amount, "CNY"), None))

    @property
    def lost(self) -> int:
        return sum(amount for amount, standing in self.disputes.values() if standing is LOST)

    async def goes_on(self) -> None:
        """What is due is done."""
        await self.shop.later(minutes=1)
        await self.shop.run()

    async def people_end_it(self) -> None:
        """Whatever waits for a person is sent by hand, as much as they are told."""
        for lane, refund, state, amount, _ in await self.refunds():
            if state != "needs_person":
                continue
            told = (await self.evidence(lane, refund))["remains_minor"]
            by_hand = amount if told is None else told
            assert by_hand == 0 or sum(self.sent.values()) + self.lost + by_hand <= self.paid
            asked = await self.approvals.request(ASKS, Wish("refund_done", refund, {"reference": "by-hand"}, "Sent"))
            await self.approvals.approve(DECIDES, asked.id, note="")
            if by_hand:
                self.sent[refund] = by_hand

    async def refunds(self):
        return await self.rows(
            "SELECT lane, id, state, amount_minor, taken_minor FROM payments.refunds WHERE payment_id = %s ORDER BY id",
            self.payment.id,
        )

    async def evidence(self, lane: int, refund: str):
        [(evidence,)] = await self.rows(
            "SELECT evidence FROM work.items WHERE lane = %s AND kind = 'refund_unresolved' AND subject = %s",
            lane,
            refund,
        )
        return evidence

    async def rows(self, sql, *parameters):
        async with self.shop.database.read() as transaction:
            return await (await transaction.connection.execute(sql, parameters)).fetchall()

    def bill(self) -> list[BillLine]:
        """What the provider itself says of the day."""
        own, at = self.payment.id, self.at
        lines = [BillLine("payment", own, f"pi_{own[-9:]}", Money(self.paid, "CNY"), at)]
        lines += [BillLine("refund", one, f"re_{one[-9:]}", Money(sent, "CNY"), at) for one, sent in self.sent.items()]
        for name, (amount, standing) in self.disputes.items():
            lines.append(BillLine("dispute", own, name, Money(amount, "CNY"), at))
            if standing is WON:
                lines.append(BillLine("dispute", own, name, Money(-amount, "CNY"), at))
        return lines


# Not shrunk: an example is a day with its bill.
@settings(max_examples=6, phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck))
@example(news=[("gives", 800, "refused"), ("objects", 500, LOST)], end=LOST)
@example(news=[("objects", 300, OPEN), ("gives", 700, "sent"), ("gives", 300, "sent")], end=LOST)
@example(news=[("gives", 400, "sent"), ("gives", 600, "refused"), ("objects", 900, OPEN)], end=LOST)
@example(news=[("gives", 500, "sent and not said so"), ("gives", 500, "refused"), ("objects", 500, LOST)], end=WON)
@given(
    news=st.lists(gives | objects | decides, min_size=1, max_size=8),
    end=st.sampled_from([WON, LOST]),
)
async def test_ledger_refunds_and_bill_agree_whatever_becomes_of_a_payment(shop, news, end):
    life = Life(shop)
    before = await shop.house()
    await life.begins()
    for what, amount, how in news:
        await getattr(life, what)(amount, how)
    await life.decides(0, end)
    await life.goes_on()
    await life.people_end_it()
    refunds = await life.refunds()
    assert {state for _, _, state, _, _ in refunds} <= {state.value for state in BACK}
    assert {one: asked - taken for _, one, _, asked, taken in refunds if asked > taken} == life.sent
    auditor = Auditor(shop.database, Reconciliation(database=shop.database, gateways={}))
    shop.database.clock_offset += timedelta(days=5)
    await auditor.bill(*life.bill(), day=life.day)
    assert await auditor.differences(day=life.day) == []
    after = await shop.house()
    moved = {code: after.get((code, "CNY"), 0) - before.get((code, "CNY"), 0) for code, _ in {*before, *after}}
    assert moved.get("suspense", 0) == 0
    assert moved.get("clearing:scripted", 0) == -(life.paid - sum(life.sent.values()) - life.lost)
    assert moved.get("disputes", 0) == sum(taken for *_, taken in refunds) - life.lost
