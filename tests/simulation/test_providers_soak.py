"""Orders over all ways to pay at once, a fifth of them with a fault, while every tenth event is lost on its way.

In the end everything that was paid was delivered, went back, or is shown to a person; the ledger balances; the bills of
the providers, the bank's statements, the drawer and our books agree. Each provider is its simulator in a process of its
own; the house's own ways have their hands (`tests.support.own_methods`). A test moves only our clock. `make soak` takes
thousands.
"""

import asyncio
import os
import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from tests.conformance.registry import COUNTERPARTS, GATEWAYS
from tests.support.desk import LANES, ScriptedCarrier, ScriptedGateway, publish_demonstration
from tests.support.misbehaving import read_request
from tests.support.own_methods import OwnShop, own_of, with_hands
from tests.support.statements_of_banks import Moved
from topup.catalogue.queries import CatalogueCache
from topup.kernel.errors import Conflict, Problem, Unavailable
from topup.kernel.ids import PaymentId, lane_of, new_id
from topup.kernel.money import Money
from topup.ledger.audit import audit
from topup.orders.desk import Desk
from topup.orders.paying import Presented
from topup.orders.reading import Parts
from topup.payments.methods.settings import OWN
from topup.payments.ports import Action, PayPage, Scene
from topup.platform.keys import KeyRing
from topup.platform.plugs import discover
from topup.reconciliation.desk import Reconciliation
from topup_simulators.payments.magic import Magic

PROVIDERS = {name: COUNTERPARTS[name] for name in GATEWAYS}
"""Methods, and the fixture of each one's simulator: every provider of the registry."""
METHODS = [*PROVIDERS, *OWN]
ORDERS = 4_000 if os.environ.get("TOPUP_SOAK") else 80
AT_ONCE = 16
FAULTS = 0.2
LOST = 0.1
FACE = 5_000
OUTCOMES = {"pay": 60, "decline": 10, "late": 5, "twice": 8, "silent": 10, "": 7}
LATER = (
    [timedelta(seconds=6)] * 3
    + [timedelta(minutes=20)]
    + [timedelta(hours=1)] * 3
    + [timedelta(hours=25)] * 2
    + [timedelta(days=8)]
)


@dataclass
class Street:
    """Where events pass on their way to the desk: some are lost before they arrive, some answers after."""

    chance: random.Random
    desk: Desk | None = None
    url: str = ""
    counts: Counter = field(default_factory=Counter)

    async def serve(self, reader, writer) -> None:
        try:
            while True:
                head, _, body = (await read_request(reader)).partition(b"\r\n\r\n")
                first, *lines = head.decode("latin-1").split("\r\n")
                headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
                fate = self.chance.random()
                self.counts["events"] += 1
                if fate < LOST / 2:
                    self.counts["lost before"] += 1
                    return
                method = first.split(" ")[1].rpartition("/")[2]
                status, kind, answer = await self.desk.receive_event(method=method, headers=headers, body=body)
                if fate < LOST:
                    self.counts["lost after"] += 1
                    return
                writer.write(
                    f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {len(answer)}\r\n\r\n".encode()
                    + answer
                )
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            self.counts["hung up"] += 1
        finally:
            writer.close()


@dataclass
class Town:
    """The shop, its providers' simulators, and the street between them; and what the bank will still say."""

    shop: OwnShop
    simulators: dict
    gateways: dict
    reconciliation: Reconciliation
    street: Street
    seed: int
    began: datetime
    tally: Counter = field(default_factory=Counter)
    moved: list[Moved] = field(default_factory=list)

    async def customer(self, number: int) -> None:
        """One order from its price to whatever its payer does about it."""
        chance = random.Random(f"{self.seed}:{number}")
        fault = chance.choice([magic for magic in Magic if magic is not Magic.WRONG_CURRENCY])
        amount = FACE + (fault if chance.random() < FAULTS else 0)
        order = await self.shop.ordered(number=f"1380{number:07d}", amount=amount, payer=f"payer {number}")
        outcome = chance.choices(list(OUTCOMES), list(OUTCOMES.values()))[0]
        await self.attempt(order, chance, outcome)
        if outcome == "decline" or chance.random() < 0.1:
            await self.attempt(order, chance, "pay")
        if chance.random() < 0.1:
            try:
                await self.shop.desk.cancel(order_id=order.id)
            except Conflict:
                self.tally["too late to cancel"] += 1

    async def attempt(self, order, chance: random.Random, outcome: str) -> None:
        """One attempt by a method of chance; where it cannot be begun, the same once more, as a payer would."""
        method = chance.choice(METHODS)
        payment_id = PaymentId(new_id("payment", lane_of(order.id)))
        hand = self.shop.hands.get(method)
        how = {"scene": hand.scene if hand else chance.choice([Scene.PHONE, Scene.DESKTOP])}
        if hand:
            shown = await hand.presents(payment_id, order.total)
            how["presented"] = Presented(payer=order.id, wallet_user=shown.wallet_user, payment_code=shown.payment_code)
            if outcome == "decline":
                how["presented"] = Presented(
                    payer=order.id, wallet_user="13900000000", payment_code="000000000000000000"
                )
        for _ in range(3):
            try:
                payment = await self.shop.desk.pay(
                    payment_id=payment_id, order_id=order.id, method=method, locale="zh_Hans", **how
                )
                break
            except Unavailable:
                self.tally["not begun"] += 1
            except Problem as problem:
                self.tally[problem.code] += 1
                return
        else:
            return
        self.tally[f"{method} {outcome or 'nothing'}"] += 1
        if hand:
            await self.by_hand(hand, payment_id, order.total, chance, outcome)
        elif outcome:
            form = payment.action.url.partition("?")[2] if isinstance(payment.action, Action) else ""
            shown = form if isinstance(self.gateways[method], PayPage) else ""
            await self.simulators[method].control(f"payments/{payment_id}", {"outcome": outcome, "form": shown})

    async def by_hand(self, hand, payment_id: str, price: Money, chance: random.Random, outcome: str) -> None:
        """What is left to do of a payment of the house's own, with its own kinds of trouble."""
        if outcome in {"", "decline"}:
            return
        if hand.name == "cash":
            try:
                for _ in range(2 if outcome == "twice" else 1):
                    await hand.pays(payment_id, price, more=1_000 if outcome == "late" else 0)
            except Conflict as problem:
                self.tally[problem.code] += 1
        if hand.name == "bank_transfer":
            moved = [await hand.moved(payment_id, price)]
            if outcome == "twice":
                moved.append(await hand.moved(payment_id, price, time=2))
            if chance.random() < FAULTS:
                fault = chance.choice(["amount", "no words", "reversed words"])
                words = None if fault == "amount" else "" if fault == "no words" else moved[0].text[::-1]
                paid = Money(price.amount_minor - 1, price.currency) if fault == "amount" else price
                moved = [await hand.moved(payment_id, paid, text=words)]
            self.moved += moved
            if outcome != "silent":
                await self.statement(chance, self.moved)

    async def statement(self, chance: random.Random, moved: list[Moved]) -> None:
        """A piece of what the bank has to say, out of order, some of it said before or twice."""
        piece = chance.sample(moved, min(len(moved), 5))
        await self.shop.hands["bank_transfer"].imports(*piece, *piece[:1])

    async def settle(self) -> None:
        """Let everything come to its end: our clock goes on for days, and what is due is done."""
        desk = self.shop.desk
        for step in LATER:
            self.shop.database.clock_offset += step
            await self.everything_due()
            await self.shop.everything_handed_back()
            await desk.bills.read()
        await self.everything_due()
        while await self.reconciliation.compare_due():
            pass

    async def everything_due(self) -> None:
        desk, outside = self.shop.desk, self.shop.desk.outside
        for _ in range(1 + ORDERS // 4):
            await desk.post_room.settled()
            steps = (desk.expire, desk.post_room.sweep, outside.ask, outside.deliver, outside.refund)
            if not sum([await step() for step in steps]):
                return
        raise AssertionError("something comes due for ever")


@pytest.fixture
async def town(request, database, data_dir, http_client):
    seed = int(os.environ.get("TOPUP_SEED", random.randrange(10**6)))
    await publish_demonstration(database)
    data_dir.mkdir(exist_ok=True)
    keys = KeyRing(data_dir / "keys")
    simulators = {name: request.getfixturevalue(fixture) for name, fixture in PROVIDERS.items()}
    plugs = discover("topup.plugins.payments")
    gateways = {name: plugs[name].make(running.settings, http_client) for name, running in simulators.items()}
    catalogue, scripted = CatalogueCache(), ScriptedGateway()
    gateways |= own_of(database, keys, catalogue)
    street = Street(random.Random(seed))
    server = await asyncio.start_server(street.serve, "127.0.0.1", 0)
    street.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    reconciliation = Reconciliation(database=database, gateways=gateways)
    parts = Parts(
        database=database,
        catalogue=catalogue,
        keys=keys,
        lanes=LANES,
        gateways={**gateways, "scripted": scripted},
        carriers={"external_demo": ScriptedCarrier()},
        public_url=street.url,
        keeping=reconciliation.keeping,
    )
    async with Desk(parts) as desk:
        street.desk = desk
        shop = await with_hands(
            desk,
            database=database,
            gateway=scripted,
            carrier=parts.carriers["external_demo"],
            keys=keys,
            reconciliation=reconciliation,
        )
        await shop.rich(times=1 + ORDERS // 300)
        yield Town(shop, simulators, gateways, reconciliation, street, seed, datetime.now(UTC))
        server.close()


async def every_payer(town: Town) -> None:
    room = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        async with room:
            await town.customer(number)

    await asyncio.gather(*(one(number) for number in range(ORDERS)))


BOOKS = """
SELECT p.method, o.id, o.state, p.id, p.state, coalesce(c.came, 0), coalesce(c.kept, 0), coalesce(r.back, 0)
FROM orders.orders o JOIN payments.payments p ON p.lane = o.lane AND p.order_id = o.id
LEFT JOIN LATERAL (
    SELECT sum(amount_minor)::bigint AS came, sum(amount_minor) FILTER (WHERE disposition = 'kept')::bigint AS kept
    FROM payments.captures c WHERE c.lane = p.lane AND c.payment_id = p.id
) c ON TRUE
LEFT JOIN LATERAL (
    SELECT sum(amount_minor)::bigint AS back FROM payments.refunds r
    WHERE r.lane = p.lane AND r.payment_id = p.id AND r.state = 'refunded'
) r ON TRUE
"""


async def test_everything_paid_is_delivered_gone_back_or_shown_to_a_person(town, figures):
    await every_payer(town)
    await asyncio.gather(*(simulator.charged() for simulator in town.simulators.values()))
    chance = random.Random(town.seed)
    for start in range(0, len(town.moved), 7):
        await town.statement(chance, town.moved[start : start + 7])
    await town.shop.hands["bank_transfer"].imports(*chance.sample(town.moved, len(town.moved)))
    await town.settle()
    await town.shop.hands["cash"].counts()
    async with town.shop.database.read() as transaction:
        connection = transaction.connection
        books = await (await connection.execute(BOOKS)).fetchall()
        shown = {
            subject.partition(":")[0]: kind
            for kind, subject in await (
                await connection.execute("SELECT kind, subject FROM work.items WHERE state = 'open'")
            ).fetchall()
        }
        refunds = dict(await (await connection.execute("SELECT id, payment_id FROM payments.refunds")).fetchall())
        audited = await audit(connection)
    shown |= {refunds[subject]: kind for subject, kind in shown.items() if subject in refunds}
    unaccounted, paid = [], 0
    states = Counter({order: state for _, order, state, *_ in books}.values())
    for method, order, order_state, payment, state, came, kept, back in books:
        paid += came
        delivered = kept if order_state == "delivered" else 0
        if came != delivered + back and not {order, payment} & shown.keys():
            unaccounted.append((method, order_state, state, came, kept, back))
        if state in {"starting", "pending"} and payment not in shown:
            unaccounted.append((method, order_state, state, "still open"))
    told = await bills(town)
    ours = {row[3]: (row[5], row[7]) for row in books if (row[5] or row[7]) and row[0] != "scripted"}
    differ = [
        (payment, told.get(payment), ours.get(payment))
        for payment in told.keys() | ours.keys()
        if told.get(payment, (0, 0)) != ours.get(payment, (0, 0)) and payment not in shown
    ]
    statements = await told_by_the_bank(town)
    figures("G10", orders=ORDERS, paid_minor=paid, shown_to_a_person=len(shown), seed=town.seed, **dict(states))
    imbalance = sum(map(abs, audited.imbalance.values()))
    figures("G4", unaccounted=len(unaccounted), bills_differ=len(differ), imbalance=imbalance, of=ORDERS)
    print(dict(town.tally), dict(town.street.counts))
    assert unaccounted == [], f"seed {town.seed}"
    assert statements == [], f"seed {town.seed}"
    assert "till_difference" not in shown.values(), f"seed {town.seed}"
    assert differ == [], f"seed {town.seed}"
    assert audited.sound, f"seed {town.seed}"


async def told_by_the_bank(town: Town) -> list[tuple]:
    """The entries that neither paid for something nor are shown to a person; what the bank said and we have not."""
    entries = await town.shop.rows(
        "SELECT e.bank_reference, e.amount_minor, e.state, e.verdict, c.amount_minor IS NOT NULL, w.id IS NOT NULL"
        " FROM payments.bank_entries e LEFT JOIN payments.captures c ON c.reference = e.id"
        " LEFT JOIN work.items w ON w.subject = e.id AND w.state = 'open'"
    )
    known = {entry[0]: entry[1] for entry in entries}
    said = {one.reference: int(Money.from_major(one.amount, one.currency).amount_minor) for one in town.moved}
    wrong = [entry for entry in entries if not (entry[4] if entry[2] == "settled" else entry[5])]
    return [*wrong, *(said.items() ^ known.items())]


async def bills(town: Town) -> dict[str, tuple[int, int]]:
    """What each of our payments brought and gave back, in the providers' words."""
    found: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    async with town.shop.database.read() as transaction:
        refunds = dict(
            await (await transaction.connection.execute("SELECT id, payment_id FROM payments.refunds")).fetchall()
        )
        mine = {
            identifier
            for (identifier,) in await (
                await transaction.connection.execute("SELECT id FROM payments.payments")
            ).fetchall()
        }
    for method in METHODS:
        async with town.shop.database.read() as transaction:
            # A provider keeps the true time, and we that of our database.
            now = transaction.now - (town.shop.database.clock_offset if method in PROVIDERS else timedelta(0))
        zone = town.reconciliation.zone(method)
        first = town.began.astimezone(zone).date()
        for number in range((now.astimezone(zone).date() - first).days + 1):
            day = first + timedelta(days=number)
            for line in await town.gateways[method].bill(day):
                came, back = found[refunds.get(line.our_id, line.our_id)]
                if line.kind == "payment" and line.our_id in mine:
                    found[line.our_id] = (came + line.amount.amount_minor, back)
                elif line.kind == "refund" and line.our_id in refunds:
                    found[refunds[line.our_id]] = (came, back + line.amount.amount_minor)
    return {payment: sums for payment, sums in found.items() if payment in mine and any(sums)}
