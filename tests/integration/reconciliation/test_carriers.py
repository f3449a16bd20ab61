"""A carrier's bill beside our deliveries: over the simulated carrier's own wire, and of any deliveries and any bill."""

import itertools
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.support.approving import Anybody
from tests.support.bills import DAY, LATER, NOON, Auditor
from tests.support.desk import LANES, ScriptedGateway, Shop, publish_demonstration
from tests.support.simulators import start_carrier, until
from topup.catalogue.queries import CatalogueCache
from topup.kernel.ids import lane_of, new_id
from topup.kernel.money import Money
from topup.ledger import Transfer, post
from topup.orders.carrier_bills import carrier_of, method_of
from topup.orders.concluding import Heard
from topup.orders.desk import Desk
from topup.orders.postings import payable
from topup.orders.reading import Parts
from topup.payments.ports import BillLine
from topup.payments.postings import SUSPENSE
from topup.platform.keys import KeyRing
from topup.plugins.carriers.external_demo import ExternalDemo
from topup.reconciliation.desk import Reconciliation
from topup.reconciliation.queries import report
from topup.reconciliation.signing import check
from topup.reconciliation.writing_off import ACCEPT, WRITE_OFF, WRITE_OFFS, kinds
from topup.work.approvals import Approvals, Wish
from topup.work.queries import open_items

METHOD = method_of("external_demo")
NUMBERS = ("+6581234500", "+6581234501", "+6581234502", "+6581234503", "+6581234504", "+6581234590")
FACE = 1000


@pytest.fixture
def own_carrier(tmp_path):
    """A simulated carrier that has delivered nothing to anybody yet: whose bill has our lines only."""
    running = start_carrier(tmp_path)
    yield running
    running.stop()


@dataclass
class Office:
    """A shop that delivers through the simulated carrier, and the desk that holds its bills against the books."""

    shop: Shop
    simulator: object
    desk: Reconciliation
    began: datetime
    sent: dict = field(default_factory=dict)

    @property
    def days(self):
        """The days the deliveries may be of: midnight may have passed meanwhile."""
        return [self.began.date() + timedelta(days=ahead) for ahead in (0, 1)]

    async def read(self):
        """Read the bills and compare; gives the open differences of those days, by class, kind and our number."""
        found = []
        for day in self.days:
            assert await self.shop.desk.bills.read_day(method=METHOD, day=day) == 0, "nothing of it is settled"
            await self.desk.compare(method=METHOD, day=day)
        for one in await self.reports():
            assert one.is_tied, one.ties
            found += [(one.cls.value, one.kind, one.our_id) for one in one.differences]
        return sorted(found)

    async def reports(self):
        async with self.shop.database.read() as transaction:
            return [await report(transaction.connection, method=METHOD, day=day) for day in self.days]

    async def tasks(self):
        async with self.shop.database.read() as transaction:
            items = await open_items(transaction.connection)
        return {item.kind: item.evidence["suggested"] for item in items if item.kind.startswith("bill_")}


@pytest.fixture
async def office(database, data_dir, own_carrier, http_client):
    """Six top-ups delivered by the simulated carrier, of which it takes the last back unheard; a week later."""
    await publish_demonstration(database)
    data_dir.mkdir(exist_ok=True)
    gateway, carrier = ScriptedGateway(), ExternalDemo(own_carrier.settings, http_client)
    keys = KeyRing(data_dir / "keys")
    carriers = {"external_demo": carrier}
    desk_of_bills = Reconciliation(database=database, gateways={}, carriers=carriers)
    parts = Parts(
        database=database,
        catalogue=CatalogueCache(),
        keys=keys,
        lanes=LANES,
        gateways={"scripted": gateway},
        carriers=carriers,
        public_url="http://127.0.0.1:8080",
        keeping=desk_of_bills.keeping,
    )
    async with Desk(parts) as desk:
        shop = Shop(desk, database, gateway, carrier, keys)
        office = Office(shop, own_carrier, desk_of_bills, datetime.now(UTC))
        for number in NUMBERS:
            order = await shop.ordered(number=number, amount=FACE, currency="SGD")
            await shop.tells(shop.paid(await shop.paying(order)))
        await shop.run()
        told = (await own_carrier.control("deliveries"))["deliveries"]
        office.sent = {one["msisdn"]: one["external_id"] for one in told}
        assert office.sent.keys() == set(NUMBERS)
        await until(
            lambda: own_carrier.control("deliveries", msisdn=NUMBERS[-1]),
            lambda answer: answer["deliveries"][0]["code"] == "REVERSED",
        )
        await shop.later(days=8)
        yield office


async def test_a_day_with_each_kind_of_difference_over_the_wire(office):
    missing, amount, state, twice = (office.sent[number] for number in NUMBERS[:4])
    reversed_, extra = office.sent[NUMBERS[-1]], new_id("fulfilment", 3)
    faults = [
        {"external_id": missing, "fault": "MISSING"},
        {"external_id": amount, "fault": "AMOUNT", "amount_minor": FACE + 50},
        {"external_id": state, "fault": "STATE"},
        {"external_id": twice, "fault": "TWICE"},
        {"external_id": extra, "fault": "EXTRA", "amount_minor": 77, "at": office.began.isoformat()},
    ]
    assert (await office.simulator.control("bill", {"faults": faults}))["code"] == "OK"
    assert await office.read() == sorted(
        [
            ("missing_there", "delivery", missing),
            ("amount", "delivery", amount),
            ("status", "delivery", state),
            ("duplicate", "delivery", twice),
            ("missing_here", "delivery", extra),
            ("status", "reversal", reversed_),
        ]
    )
    assert await office.tasks() == {
        "bill_missing_there": "ask_carrier",
        "bill_missing_here": "refuse_charge",
        "bill_amount": "correct_amount",
        "bill_status": "ask_again",
        "bill_duplicate": "claim_back",
    }
    ties = [tie for one in await office.reports() for tie in one.ties]
    # Of six, one is missing and one failed; one is there twice, one more never was, and one was taken back.
    assert sum(tie.moved_minor for tie in ties) == 4 * FACE + 50 + FACE + 77 - FACE
    assert sum(tie.booked_minor for tie in ties) == sum(tie.ledger_minor for tie in ties) == 6 * FACE
    assert ties[0].clearing_minor == 6 * FACE, "what we owe the carrier by the ledger"

    await office.simulator.control("bill", {"faults": []})
    assert await office.read() == [("status", "reversal", reversed_)]
    outcome = await office.shop.carrier.query(reversed_)
    await office.shop.desk.bills._ears.delivery(Heard(reversed_, outcome, "external_demo"))
    assert await office.read() == [], "what the bill named was heard of"
    assert await office.tasks() == {}
    for one in await office.reports():
        check(one)
    assert (await office.shop.house())[payable("external_demo"), "SGD"] == 5 * FACE


async def test_the_sweep_of_bills_reads_carriers_too_and_keeps_days_that_are_over(office):
    await office.shop.later(days=-7)
    assert await office.shop.desk.bills.read() == 0
    async with office.shop.database.read() as transaction:
        cursor = await transaction.connection.execute("SELECT day, lines FROM reconciliation.bills ORDER BY day")
        kept = await cursor.fetchall()
    assert sum(lines for _, lines in kept) >= len(NUMBERS)
    assert await office.desk.compare_due() == len(kept)


async def test_a_carrier_that_is_away_hides_no_day(office):
    office.simulator.kill()
    assert await office.shop.desk.bills.read_day(method=METHOD, day=office.days[0]) is None


# Any deliveries and any bill, without a wire.

_ATTEMPT = (
    "INSERT INTO fulfilment.attempts (lane, id, order_id, number, carrier, msisdn, amount_minor, currency, product,"
    " state, reference, created_at, submitted_at, state_since)"
    " VALUES (%s, %s, %s, 1, %s, '+6581234500', %s, %s, 'credit', %s, %s, %s, %s, %s)"
)
_carriers = itertools.count()


@dataclass
class Sent:
    """A delivery of the books, and its transfers unless `booked` is another amount than its own."""

    amount: int
    at: datetime = NOON
    state: str = "delivered"
    lane: int = 0
    booked: int | None = None
    currency: str = "SGD"
    id: str = ""

    def __post_init__(self):
        self.id = self.id or new_id("fulfilment", self.lane)

    @property
    def reference(self) -> str:
        return f"C{self.id[-8:]}"

    def line(self, **changes) -> BillLine:
        money = Money(changes.pop("amount", self.amount), changes.pop("currency", self.currency))
        fields = {
            "kind": "delivery",
            "our_id": self.id,
            "reference": f"C{self.id[-8:]}",
            "amount": money,
            "at": self.at,
        }
        return BillLine(**{**fields, **changes})


async def write(database, carrier, sent):
    async with database.transaction() as transaction:
        connection, items = transaction.connection, []
        for one in sent:
            order = new_id("order", one.lane)
            row = (one.lane, one.id, order, carrier, one.amount, one.currency, one.state, one.reference)
            await connection.execute(_ATTEMPT, (*row, one.at, one.at, one.at))
            minor = one.amount if one.booked is None else one.booked
            ways = {"delivered": ["delivery"], "reversed": ["delivery", "delivery:reversed"]}.get(one.state, [])
            for purpose in ways if minor else []:
                way = (SUSPENSE, payable(carrier)) if purpose == "delivery" else (payable(carrier), SUSPENSE)
                items.append(
                    Transfer(
                        lane=one.lane, key=f"{order}:{purpose}", debit_code=way[0], credit_code=way[1],
                        asset=one.currency, amount=minor, purpose="delivery", reference=order,
                    )
                )  # fmt: skip
        await post(connection, items, transaction.now)


def alike(one, draw):
    return [one.line()], []


def ours_only(one, draw):
    return [], [("missing_there", one.id)]


def theirs_only(one, draw):
    other = draw(st.sampled_from([new_id("fulfilment", 5), "", "17 of somebody"]))
    return [one.line(), one.line(our_id=other, reference=f"X{one.id[-8:]}")], [("missing_here", other)]


def other_amount(one, draw):
    return [one.line(amount=one.amount + draw(st.integers(1, 99)))], [("amount", one.id)]


def other_currency(one, draw):
    return [one.line(currency="EUR")], [("currency", one.id)]


def failed_there(one, draw):
    return [one.line(kind="undelivered")], [("status", one.id)]


def not_here(one, draw):
    one.state = draw(st.sampled_from(["refused", "unknown", "accepted", "needs_person", "absent"]))
    return [one.line()], [("status", one.id)]


def listed_and_not_charged(one, draw):
    one.state = "refused"
    return [one.line(kind="undelivered")], []


def twice(one, draw):
    return [one.line(), one.line(reference=draw(st.sampled_from(["other", one.reference])))], [("duplicate", one.id)]


def taken_back(one, draw):
    one.state = "reversed"
    return [one.line(), one.line(kind="reversal")], []


def taken_back_there(one, draw):
    return [one.line(), one.line(kind="reversal")], [("status", one.id)]


def taken_back_here(one, draw):
    one.state = "reversed"
    return [one.line()], [("missing_there", one.id)]


def not_booked(one, draw):
    one.booked = draw(st.sampled_from([0, 1]))
    return [one.line()], [("ledger", one.id)]


KINDS = [
    alike, ours_only, theirs_only, other_amount, other_currency, failed_there, not_here, listed_and_not_charged, twice,
    taken_back, taken_back_there, taken_back_here, not_booked,
]  # fmt: skip


@settings(max_examples=12, phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck))
@given(data=st.data())
async def test_any_deliveries_and_any_bill_are_split_without_loss(database, data):
    """Into what is alike, ours only, theirs only, and differing: each delivery and each line is in exactly one."""
    database.clock_offset = LATER - datetime.now(UTC)
    method = method_of(f"carrier{next(_carriers)}")
    auditor = Auditor(database, Reconciliation(database=database, gateways={}), method=method)
    chosen = data.draw(st.just(KINDS) | st.lists(st.sampled_from(KINDS), max_size=20))
    sent, lines, expected = [], [], []
    for kind in chosen:
        at = NOON + timedelta(seconds=data.draw(st.integers(-39_600, 39_600)))
        one = Sent(data.draw(st.integers(100, 10**6)), at=at, lane=data.draw(st.integers(0, 15)))
        added, finds = kind(one, data.draw)
        sent.append(one)
        lines += added
        expected += finds
    await write(database, carrier_of(method), sent)
    await auditor.bill(*data.draw(st.permutations(lines)), page=data.draw(st.integers(1, 9)))
    assert await auditor.differences() == sorted(expected)
    found = await auditor.report()
    told = Counter(one.cls.value for one in found.differences)
    compared = [line for line in lines if line.kind != "undelivered"]
    moved = [one for one in sent if one.state in ("delivered", "reversed")]
    counts = {side: _count(found.ties, side) for side in ("bill", "books")}
    assert counts["bill"] == len(compared)
    assert counts["books"] == len(moved) + sum(one.state == "reversed" for one in moved)
    # Lines that are alike or differ are as many as movements that are: the rest is one side's only.
    unheard = sum(one.cls.value == "status" and one.theirs_minor is not None for one in found.differences)
    failed = told["status"] - unheard
    both = counts["bill"] - told["missing_here"] - told["duplicate"] - unheard
    assert both == counts["books"] - told["missing_there"] - failed
    before = await auditor.dump()
    assert await auditor.differences() == sorted(expected)
    assert await auditor.dump() == before, "a repetition changes nothing"


def _count(ties, side):
    return sum(of.count for tie in ties for kind, of in getattr(tie, side).items() if kind != "undelivered")


@pytest.fixture
async def carrier_books(database):
    """Reconciliation of a carrier on a fresh database, a week after DAY."""
    database.clock_offset = LATER - datetime.now(UTC)
    return Auditor(database, Reconciliation(database=database, gateways={}), method=METHOD)


async def test_near_midnight_the_next_days_bill_is_waited_for(carrier_books):
    auditor = carrier_books
    auditor.database.clock_offset -= timedelta(days=7)
    late, early = Sent(100, at=NOON + timedelta(hours=11, minutes=30)), Sent(200)
    await write(auditor.database, "external_demo", [late, early])
    await auditor.bill()
    assert await auditor.differences() == [("missing_there", early.id)]
    await auditor.bill(late.line(), day=DAY + timedelta(days=1))
    assert await auditor.differences() == [("missing_there", early.id)]
    auditor.database.clock_offset += timedelta(days=7)
    assert await auditor.differences() == [("missing_there", early.id)], "it is in the neighbour's bill"


@pytest.mark.parametrize(("billed", "owed"), [(130, 130), (90, 90), (0, 0)])
async def test_what_is_written_off_makes_what_we_owe_the_carrier_what_it_bills(carrier_books, billed, owed):
    auditor = carrier_books
    one = Sent(100)
    await write(auditor.database, "external_demo", [one])
    await auditor.bill(*([one.line(amount=billed)] if billed else []))
    [difference] = (await auditor.compared()).differences
    approvals = Approvals(database=auditor.database, kinds=kinds())
    async with auditor.database.read() as transaction:
        [item] = await open_items(transaction.connection)
    assert {kind.name for kind in approvals.for_item(item)} == {WRITE_OFF, ACCEPT}
    asked = await approvals.request(Anybody("stf_one"), Wish(WRITE_OFF, item.subject, {}, "So agreed", item.id))
    await approvals.approve(Anybody("stf_two"), asked.id, note="")
    assert await auditor.house(payable("external_demo"), "SGD") == owed
    assert await auditor.house(WRITE_OFFS, "SGD") == 100 - owed, "what it cost us is below nothing"
    await auditor.bill(one.line())
    assert await auditor.differences() == []
    assert await auditor.house(payable("external_demo"), "SGD") == 100, "and back, when the bill is mended"
    assert lane_of(difference.our_id) == one.lane
