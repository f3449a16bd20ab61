"""Payers who object with their banks: whose payment it is, who has to answer, and that nobody gets money twice."""

from asyncio import CancelledError
from datetime import UTC, datetime
from itertools import permutations
from unittest.mock import Mock

import pytest

from tests.support.desk import FOREIGN_NUMBER, LANES
from topup.fulfilment.ports import CarrierFact
from topup.kernel.errors import Conflict
from topup.kernel.ids import PaymentId, lane_of, new_id
from topup.kernel.money import Money
from topup.kernel.outcome import Accepted, Reason, Refused
from topup.orders import giving_back
from topup.orders.evidence import Evidence
from topup.payments.ports import MONEY_DISPUTED, BillLine, DisputeFact, DisputeStanding
from topup.platform import crash
from topup.work.approvals import Wish

OPEN, WON, LOST = DisputeStanding.OPEN, DisputeStanding.WON, DisputeStanding.LOST
FIFTY = Money(5000, "CNY")
SOON, LATE = (datetime(2026, 12, day, tzinfo=UTC) for day in (1, 20))
LABELS = sorted(label for label in crash.LABELS if label.startswith("dispute."))


class Case:
    """An order that is paid, and what its payer objects to."""

    def __init__(self, shop) -> None:
        self.shop = shop
        self.number = 0

    async def begins(self, **how):
        self.order = await self.shop.ordered(**how)
        self.payment = await self.shop.paying(self.order)
        self.reference = f"pi_{self.payment.id[-8:]}"
        return self

    async def is_paid(self):
        await self.shop.tells(self.shop.paid(self.payment, reference=self.reference))

    async def objects(self, standing, *, named=False, event_id=None, amount=FIFTY, respond_by=None):
        """As Stripe tells it: by its own id of the payment only; or `named` by ours."""
        own = self.payment.id if named else PaymentId("")
        fact = DisputeFact(own, f"dp_{self.payment.id[-8:]}", standing, amount, respond_by, self.reference)
        await self.shop.tells(fact, event_id=event_id)

    async def items(self):
        """What is listed of it, by kind, and whether it is open."""
        async with self.shop.database.read() as transaction:
            cursor = await transaction.connection.execute(
                "SELECT kind, state FROM work.items WHERE evidence ->> 'dispute' = %s ORDER BY kind",
                (f"dp_{self.payment.id[-8:]}",),
            )
            return dict(await cursor.fetchall())

    async def rows(self, sql):
        async with self.shop.database.read() as transaction:
            cursor = await transaction.connection.execute(sql, {"payment": self.payment.id})
            return await cursor.fetchall()

    async def standing(self):
        return await self.rows("SELECT lane, standing FROM payments.disputes WHERE payment_id = %(payment)s")

    async def refunds(self):
        found = await self.rows("SELECT state FROM payments.refunds WHERE payment_id = %(payment)s ORDER BY id")
        return [state for (state,) in found]

    async def status(self):
        return (await self.shop.order(self.order)).status


@pytest.fixture
async def case(shop) -> Case:
    return await Case(shop).begins()


async def test_stripes_own_id_of_the_payment_leads_to_it(case):
    other = await Case(case.shop).begins()
    await case.is_paid()
    await other.is_paid()
    await case.objects(OPEN)
    assert await case.standing() == [(lane_of(case.payment.id), "open")]
    assert await other.standing() == []
    assert await case.items() == {"dispute_open": "open"}
    assert await case.status() == "delivered"
    await case.objects(LOST)
    assert await case.items() == {"dispute_lost": "open", "dispute_open": "decided"}


async def test_the_evidence_says_what_a_person_needs_to_answer(case):
    await case.is_paid()
    await case.objects(OPEN)
    [(evidence,)] = await case.rows("SELECT evidence FROM work.items WHERE kind = 'dispute_open'")
    told = {"method": "scripted", "order": case.order.id, "payment": case.payment.id, "reference": case.reference}
    assert evidence.items() >= {**told, "order_state": "delivered", "amount_minor": 5000}.items()
    assert evidence["paid_at"]
    assert evidence["refunded_minor"] is None


@pytest.mark.parametrize("news", list(permutations([(FIFTY, SOON), (FIFTY, LATE), (Money(4000, "CNY"), SOON)])))
async def test_a_deadline_that_was_moved_and_an_amount_that_rose_stand_on_the_list(case, news):
    await case.is_paid()
    for amount, respond_by in news:
        await case.objects(OPEN, amount=amount, respond_by=respond_by)
    [(state, evidence)] = await case.rows("SELECT state, evidence FROM work.items WHERE kind = 'dispute_open'")
    told = (evidence["amount_minor"], datetime.fromisoformat(evidence["respond_by"]))
    assert (state, told) == ("open", (5000, LATE))


async def test_an_objection_that_was_answered_is_asked_about_again_where_the_bank_wants_more(case):
    """An inquiry that becomes a dispute: Stripe says so by the same object, with another date."""
    await case.is_paid()
    await case.objects(OPEN, respond_by=SOON)
    decided = "UPDATE work.items SET state = 'decided', decided_at = created_at, decided_by = 'stf_one', note = 'Done'"
    async with case.shop.database.transaction() as transaction:
        await transaction.connection.execute(decided)
    await case.objects(OPEN, respond_by=SOON)
    assert await case.items() == {"dispute_open": "decided"}
    await case.objects(OPEN, respond_by=LATE)
    seen = "SELECT state, decided_at, decided_by, note FROM work.items"
    assert await case.rows(seen) == [("open", None, None, None)]
    await case.objects(LOST)
    await case.objects(OPEN, respond_by=LATE.replace(day=25))
    assert await case.items() == {"dispute_open": "decided", "dispute_lost": "open"}


@pytest.mark.parametrize("early", [True, False])
async def test_whoever_answers_can_read_what_the_gateway_sent(case, early):
    seen = Evidence(database=case.shop.database, keys=case.shop.keys)
    if not early:
        await case.is_paid()
    await case.objects(OPEN, event_id="evt-objection")
    while not await case.items():
        await case.shop.later(hours=3)
        await case.shop.run()
    [(item_id,)] = await case.rows("SELECT id FROM work.items WHERE kind LIKE 'dispute%%' AND %(payment)s <> ''")
    sheets = await seen.of(Everybody(), item_id)
    assert "evt-objection" in [sheet.name for sheet in sheets]


class Everybody:
    """Somebody who may do everything."""

    id, role = "cli", "cli"

    def may(self, permission: str) -> bool:
        return True


@pytest.mark.parametrize("end", [WON, LOST])
async def test_every_order_of_its_news_ends_alike(shop, figures, end):
    ends = []
    for news in permutations(("paid", OPEN, end, end)):
        case = await Case(shop).begins()
        for what in news:
            await (case.is_paid() if what == "paid" else case.objects(what, named=True))
        [(_, standing)] = await case.standing()
        open_ones = {kind for kind, state in (await case.items()).items() if state == "open"}
        ends.append((standing, frozenset(open_ones), await case.status(), tuple(await case.refunds())))
    assert set(ends) == {(end.value, frozenset({f"dispute_{end.value}"}), "delivered", ())}
    figures("G9", news="disputes", permutations=len(ends), final_states=len(set(ends)))


@pytest.mark.parametrize("news", sorted(permutations(("paid", OPEN, LOST)), key=str), ids="-".join)
async def test_one_that_comes_before_its_payment_is_placed_when_that_is_known(case, news):
    for what in news:
        await (case.is_paid() if what == "paid" else case.objects(what))
    await case.shop.later(minutes=1)
    await case.shop.run()
    assert [standing for _, standing in await case.standing()] == ["lost"]
    assert {kind for kind, state in (await case.items()).items() if state == "open"} == {"dispute_lost"}
    assert await case.status() == "delivered"


async def test_the_same_event_again_lists_nothing_again(case, figures):
    await case.is_paid()
    for _ in range(5):
        await case.objects(OPEN, event_id="evt-1")
    [told] = await case.shop.desk.post_room.replay("evt-1", lanes=LANES)
    assert told.obstacle == ""
    listed = await case.shop.listed()
    assert listed == ["dispute_open"]
    figures("G8", event="dispute", repeats=5, effects=len(listed))


async def test_what_stays_unknown_is_shown_to_a_person_and_may_still_be_placed(case):
    """Looked at ever more rarely, for a day."""
    await case.objects(OPEN, event_id="evt-early")
    looks = 0
    while not await case.items():
        await case.shop.later(hours=1)
        looks += await case.shop.desk.post_room.sweep()
        assert looks < 30
    assert looks >= 20
    assert await case.items() == {"dispute_unplaced": "open"}
    assert await case.shop.desk.post_room.sweep() == 0
    [told] = await case.shop.desk.post_room.replay("evt-early", lanes=LANES)
    assert told.obstacle == "payment_unknown"
    await case.is_paid()
    [told] = await case.shop.desk.post_room.replay("evt-early", lanes=LANES)
    assert told.obstacle == ""
    assert await case.items() == {"dispute_open": "open", "dispute_unplaced": "decided"}


async def test_one_that_waits_holds_nothing_up(case):
    await case.objects(OPEN)
    other = await Case(case.shop).begins()
    await other.is_paid()
    assert await other.status() == "delivered"


async def test_one_about_a_payment_of_nobody_is_listed(case):
    nobody = PaymentId(new_id("payment", 3))
    await case.shop.tells(DisputeFact(nobody, "dp_9", OPEN, FIFTY, None), event_id="evt-9")
    assert await case.shop.listed() == ["event_parked"]


async def failing(shop):
    """A paid order that the carrier is about to fail, whose payer objects."""
    case = await Case(shop).begins(number=FOREIGN_NUMBER, currency="SGD", amount=1000)
    shop.carrier.answers = [Accepted("c-1")]
    await case.is_paid()
    await shop.desk.outside.deliver()
    return case


async def fails(case):
    [(attempt,)] = await case.rows("SELECT id FROM fulfilment.attempts")
    await case.shop.carrier_tells(CarrierFact(attempt, Refused(Reason.USER, "no_such_number")))


def ten(case):
    return Money(case.payment.amount.amount_minor, "SGD")


@pytest.mark.parametrize("early", [True, False], ids=["objected first", "failed first"])
async def test_money_the_bank_may_give_back_waits_and_goes_once(shop, figures, early):
    """G16 across two ways back: ours, and the bank's."""
    case = await failing(shop)
    if early:
        await case.objects(OPEN, amount=ten(case))
    await fails(case)
    if not early:
        await case.objects(OPEN, amount=ten(case))
    await shop.desk.outside.refund()
    assert (await case.refunds(), shop.gateway.refunds) == (["disputed"], {})
    assert await case.status() == "refunding"
    await case.objects(WON, amount=ten(case))
    await shop.run()
    assert await case.refunds() == ["refunded"]
    assert [len(sent) for sent in shop.gateway.refunds.values()] == [1]
    assert await case.status() == "refunded"
    assert await shop.house() == {}
    figures("G16", way="dispute won", refunds_sent=1, over_refund=0)


async def test_money_the_bank_gave_back_is_not_sent_again(shop, figures):
    case = await failing(shop)
    await case.objects(OPEN, amount=ten(case))
    await fails(case)
    await shop.desk.outside.refund()
    await case.objects(LOST, amount=ten(case))
    await shop.run()
    await shop.later(hours=30)
    await shop.run()
    assert (await case.refunds(), shop.gateway.refunds) == (["taken_back"], {})
    view = await shop.order(case.order)
    assert (view.status, view.payments[-1].status, view.payments[-1].refunded) == ("refunded", "refunded", ten(case))
    # The bank's part stands in `disputes` until the gateway's bill has it.
    paid = ten(case).amount_minor
    assert await shop.house() == {("clearing:scripted", "SGD"): -paid, ("disputes", "SGD"): paid}
    figures("G16", way="dispute lost", refunds_sent=0, over_refund=0)


async def test_a_part_that_the_bank_gave_back_is_for_a_person(shop):
    case = await failing(shop)
    await case.objects(OPEN, amount=Money(100, "SGD"))
    await fails(case)
    await shop.desk.outside.refund()
    await case.objects(LOST, amount=Money(100, "SGD"))
    await shop.run()
    assert (await case.refunds(), shop.gateway.refunds) == (["needs_person"], {})
    assert "refund_unresolved" in await shop.listed()


@pytest.mark.parametrize("end", [OPEN, LOST])
@pytest.mark.parametrize("sent", [True, False], ids=["sent", "not sent"])
async def test_what_may_have_been_sent_is_asked_about_before_the_bank_is_believed(shop, monkeypatch, sent, end):
    """A process died at the call, and only the gateway knows whether it heard of the refund."""
    case = await failing(shop)
    await fails(case)
    monkeypatch.setattr(crash.os, "kill", Mock(side_effect=CancelledError))
    monkeypatch.setattr(crash._Armed, "label", "refund.after_send" if sent else "refund.before_send")
    monkeypatch.setattr(crash._Armed, "remaining", 1)
    await shop.desk.outside.refund()
    monkeypatch.setattr(crash._Armed, "label", None)
    assert (await case.refunds(), len(shop.gateway.refunds)) == (["sending"], int(sent))
    await case.objects(end, amount=ten(case))
    for _ in range(3):
        await shop.later(minutes=2)
        await shop.run()
    ends = "refunded" if sent else "disputed" if end is OPEN else "taken_back"
    assert (await case.refunds(), sum(map(len, shop.gateway.refunds.values()))) == ([ends], int(sent))
    paid = ten(case).amount_minor
    kept = {("clearing:scripted", "SGD"): -paid, ("suspense" if end is OPEN else "disputes", "SGD"): paid}
    assert await shop.house() == ({} if sent else kept)


async def test_a_gateway_that_knows_of_it_before_us_is_asked_again(shop):
    case = await failing(shop)
    await fails(case)
    shop.gateway.refund_answers = [Refused(Reason.CONFIGURATION, MONEY_DISPUTED)]
    await shop.desk.outside.refund()
    assert await case.refunds() == ["disputed"]
    await case.objects(OPEN, amount=ten(case))
    await shop.run()
    assert await case.refunds() == ["disputed"]
    await case.objects(WON, amount=ten(case))
    await shop.run()
    assert await case.refunds() == ["refunded"]
    assert {len(sent) for sent in shop.gateway.refunds.values()} == {2}


async def test_a_gateway_that_speaks_of_a_dispute_and_never_tells_of_one_is_shown_to_a_person(shop):
    case = await failing(shop)
    await fails(case)
    shop.gateway.refund_answers = [Refused(Reason.CONFIGURATION, MONEY_DISPUTED)] * 60
    hours = 0
    while "refund_delayed" not in await shop.listed():
        await shop.run()
        await shop.later(hours=1)
        hours += 1
        assert hours < 30
    assert hours > 20
    shop.gateway.refund_answers.clear()
    await shop.run()
    assert await case.refunds() == ["refunded"]


async def test_staff_give_back_no_more_than_the_bank_leaves(case):
    await case.is_paid()
    await case.objects(OPEN, amount=Money(3000, "CNY"))
    kind = giving_back.kind()
    async with case.shop.database.transaction() as transaction:
        for amount in ("20.01", ""):
            wish = Wish(giving_back.REFUND, case.payment.id, {"amount": amount}, "kind")
            with pytest.raises(Conflict, match="payment_disputed"):
                await kind.prepare(transaction.connection, wish, transaction.now)
        wish = Wish(giving_back.REFUND, case.payment.id, {"amount": "20.00"}, "kind")
        found = await kind.prepare(transaction.connection, wish, transaction.now)
    assert found["amount_minor"] == 2000


async def test_the_bill_tells_of_one_that_no_event_told_of(case):
    """G2 for disputes."""
    await case.is_paid()
    async with case.shop.database.read() as transaction:
        now = transaction.now
    case.shop.gateway.lines = [BillLine("dispute", case.payment.id, f"dp_{case.payment.id[-8:]}", FIFTY, now)]
    assert await case.shop.desk.bills.read() == 1
    assert await case.shop.desk.bills.read() == 0
    assert await case.items() == {"dispute_open": "open"}
    back = Money(-5000, "CNY")
    case.shop.gateway.lines.append(BillLine("dispute", case.payment.id, f"dp_{case.payment.id[-8:]}", back, now))
    assert await case.shop.desk.bills.read() == 1
    assert await case.shop.desk.bills.read() == 0
    assert await case.items() == {"dispute_open": "decided", "dispute_won": "open"}


class Killed(BaseException):
    """Stands for `kill -9`: nothing that expects errors expects it."""


@pytest.mark.parametrize("label", LABELS)
async def test_whoever_dies_at_any_step_loses_and_doubles_nothing(case, monkeypatch, label):
    """G11: a process that comes after goes on with what the inbox has."""
    deaths = []

    def die(*_):
        deaths.append(label)
        crash._Armed.label = None
        raise Killed

    monkeypatch.setattr(crash.os, "kill", die)
    monkeypatch.setattr(crash._Armed, "label", label)
    monkeypatch.setattr(crash._Armed, "remaining", 1)
    await case.objects(OPEN)
    await case.is_paid()
    for hours in (1, 1, 30, 30):
        await case.shop.later(hours=hours)
        try:
            await case.shop.run()
        except Killed:
            continue
    assert deaths == [label]
    assert [standing for _, standing in await case.standing()] == ["open"]
    assert await case.shop.listed() == ["dispute_open"]
