"""Two people decide: who may ask, who may decide, once, and what stays written down."""

import asyncio
import itertools
from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

import psycopg
import pytest

from topup.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Problem
from topup.kernel.ids import new_id
from topup.people.permissions import STAFF_ROLES, Permission, Role, allowed
from topup.work import queries, trail
from topup.work.approvals import Approvals, Kind, Wish
from topup.work.limits import Limits
from topup.work.operations import Decision, list_for_person
from topup.work.states import ApprovalState

ASK, DECIDE = Permission.RESOLVE_PAYMENT, Permission.APPROVE_PAYMENT


@dataclass(frozen=True)
class Actor:
    """Somebody of a role."""

    id: str
    role: Role

    def may(self, permission: str) -> bool:
        return allowed(self.role, permission)


def somebody(role: Role) -> Actor:
    return Actor(new_id("staff", 0), role)


class Room:
    """Something that can be decided, which counts how often it was done; it refuses when told to."""

    def __init__(self) -> None:
        self.refuses = False

    def kind(self, name: str = "deed", ask: str = ASK, decide: str = DECIDE) -> Kind:
        return Kind(name, ask, decide, self.prepare, self.execute, frozenset({"payment_unresolved"}))

    async def prepare(self, connection, wish, now):
        if wish.facts.get("bad"):
            raise Invalid("evidence_missing")
        return {"reference": wish.facts.get("reference", "")}

    async def of_money(self, connection, wish, now):
        return {"amount_minor": int(wish.facts["amount_minor"]), "currency": wish.facts["currency"]}

    async def execute(self, transaction, approval):
        await transaction.connection.execute("INSERT INTO work.deeds VALUES (%s)", [approval.subject])
        if self.refuses:
            raise Conflict("settled_meanwhile")
        return {"order": "ord_x"}


@pytest.fixture
def deeds(database_url):
    """Where what was carried out leaves its mark; the application may write there."""
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute("CREATE TABLE work.deeds (subject text); GRANT SELECT, INSERT ON work.deeds TO topup_app")

        def count() -> int:
            return owner.execute("SELECT count(*) FROM work.deeds").fetchone()[0]

        yield count


@pytest.fixture
def room():
    return Room()


@pytest.fixture
def approvals(database, deeds, room):
    return Approvals(database=database, kinds=[room.kind()])


def wish(**facts) -> Wish:
    return Wish("deed", new_id("payment", 3), facts, "I looked it up")


async def test_one_asks_another_decides_and_it_is_done_once(approvals, database, deeds):
    asks, decides = somebody(Role.SUPPORT), somebody(Role.FINANCE)
    lane = 3
    async with database.transaction() as transaction:
        decision = Decision(lane, "payment_unresolved", new_id("payment", lane), {})
        await list_for_person(transaction.connection, [decision], transaction.now)
        [item] = await queries.open_items(transaction.connection)
    asked = await approvals.request(asks, Wish("deed", item.subject, {"reference": "R1"}, "Seen", item.id))
    assert (asked.state, asked.facts, deeds()) == (ApprovalState.REQUESTED, {"reference": "R1"}, 0)
    assert [one.id for one in await approvals.page(waiting=True)] == [asked.id]
    with pytest.raises(Conflict, match="approval_open"):
        await approvals.request(somebody(Role.SUPERVISOR), Wish("deed", item.subject, {}, "Me too"))
    done = await approvals.approve(decides, asked.id, note="Agreed")
    assert (done.state, done.decided_by, done.outcome, deeds()) == ("approved", decides.id, {"order": "ord_x"}, 1)
    for again in (approvals.approve(decides, asked.id, note=""), approvals.reject(decides, asked.id, note="No")):
        with pytest.raises(Conflict, match="approval_decided"):
            await again
    async with database.read() as transaction:
        closed = await queries.item(transaction.connection, lane, item.id)
        told = await trail.entries(transaction.connection)
        assert (await trail.verify(transaction.connection)).sound
    assert (closed.state, closed.decided_by, closed.decision) == ("decided", decides.id, "deed")
    assert [(entry.action, entry.actor) for entry in told] == [
        ("approval.approved", decides.id),
        ("approval.requested", asks.id),
    ]
    assert deeds() == 1


async def test_nobody_approves_what_they_asked_for_and_the_table_says_who_may(database, deeds, room):
    """G21: every role asks, and every role decides, another's and its own, for each of the pairs of permissions."""
    pairs = [
        (Permission.RESOLVE_PAYMENT, Permission.APPROVE_PAYMENT),
        (Permission.ADJUST_CREDIT, Permission.APPROVE_ADJUSTMENT),
        (Permission.REQUEST_REFUND, Permission.APPROVE_REFUND),
    ]
    kinds = [room.kind(f"deed{index}", ask.value, decide.value) for index, (ask, decide) in enumerate(pairs)]
    approvals = Approvals(database=database, kinds=kinds)
    people = {role: somebody(role) for role in Role}
    cells = wrong = 0
    for kind, asks in itertools.product(kinds, people.values()):
        for decides in (asks, *(somebody(role) for role in Role)):
            cells += 1
            expected = _expected(kind, asks, decides)
            found = await _tried(approvals, kind, asks, decides)
            wrong += found != expected
            assert found == expected, (kind.request, asks.role, decides.role)
    every = len(kinds) * len(Role) * (len(Role) + 1)
    print(f"{cells} of {every} cells of role x role x action, self-approval among them; {wrong} wrong; deeds {deeds()}")
    assert cells == every


def _expected(kind: Kind, asks: Actor, decides: Actor) -> str:
    if not asks.may(kind.request):
        return "not_permitted"
    if not decides.may(kind.approve):
        return "not_permitted then"
    return "approval_own then" if asks is decides else "done"


async def _tried(approvals: Approvals, kind: Kind, asks: Actor, decides: Actor) -> str:
    try:
        asked = await approvals.request(asks, Wish(kind.name, new_id("payment", 3), {}, "Because"))
    except Forbidden as problem:
        return problem.code
    try:
        await approvals.approve(decides, asked.id, note="")
    except Forbidden as problem:
        with pytest.raises(Forbidden):
            await approvals.reject(decides, asked.id, note="No")
        return f"{problem.code} then"
    return "done"


def test_whoever_may_decide_is_of_the_staff():
    deciding = {Permission.APPROVE_PAYMENT, Permission.APPROVE_ADJUSTMENT, Permission.APPROVE_REFUND}
    assert {role for role in Role for one in deciding if allowed(role, one)} <= STAFF_ROLES


async def test_the_database_refuses_self_approval_by_itself(approvals, database, deeds):
    asked = await approvals.request(somebody(Role.SUPPORT), wish())
    with pytest.raises(psycopg.errors.CheckViolation, match="two_people"):
        async with database.transaction() as transaction:
            await transaction.connection.execute(
                "UPDATE work.approvals SET state = 'approved', decided_by = requested_by, decided_at = now()"
            )
    assert (await approvals.get(asked.id)).state == "requested"


@pytest.mark.parametrize("seed", range(6))
async def test_of_many_who_decide_at_once_one_does(approvals, deeds, seed):
    asks = somebody(Role.SUPPORT)
    asked = await approvals.request(asks, wish())

    async def tried(work) -> str:
        try:
            return (await work).state.value
        except Problem as problem:
            return problem.code

    yes = [approvals.approve(somebody(Role.FINANCE), asked.id, note="") for _ in range(6)]
    no = [approvals.reject(somebody(Role.FINANCE), asked.id, note="No") for _ in range(3)]
    works = [*yes, *no, approvals.withdraw(asks, asked.id)]
    order = [(index * (2 * seed + 1)) % len(works) for index in range(len(works))]
    outcomes = Counter(await asyncio.gather(*(tried(works[index]) for index in dict.fromkeys([*order, *range(10)]))))
    final = (await approvals.get(asked.id)).state
    print(f"10 decisions at once: {dict(outcomes)}, carried out {deeds()} times")
    assert outcomes["approval_decided"] == 9
    assert outcomes[final.value] == 1
    assert deeds() == (final is ApprovalState.APPROVED)


async def test_what_cannot_be_done_has_not_happened_and_stays_asked_for(approvals, database, deeds, room):
    asked = await approvals.request(somebody(Role.SUPPORT), wish())
    room.refuses = True
    with pytest.raises(Conflict, match="settled_meanwhile"):
        await approvals.approve(somebody(Role.FINANCE), asked.id, note="")
    assert ((await approvals.get(asked.id)).state, deeds()) == ("requested", 0)
    async with database.read() as transaction:
        assert [entry.action for entry in await trail.entries(transaction.connection)] == ["approval.requested"]


async def test_a_request_is_complete_and_has_a_reason(approvals):
    support = somebody(Role.SUPPORT)
    for bad, code in (
        (Wish("deed", new_id("payment", 3), {}, "  "), "approval_reason_missing"),
        (Wish("deed", new_id("payment", 3), {}, "x" * 501), "approval_reason_too_long"),
        (Wish("other", new_id("payment", 3), {}, "x"), "approval_kind_unknown"),
        (Wish("deed", new_id("payment", 3), {"bad": "1"}, "x"), "evidence_missing"),
    ):
        with pytest.raises(Invalid, match=code):
            await approvals.request(support, bad)
    for unknown in (new_id("approval", 3), "apr_x", "'"):
        with pytest.raises(NotFound, match="approval_unknown"):
            await approvals.get(unknown)


async def test_a_request_is_taken_back_by_who_made_it_and_ends_by_itself(approvals, database, deeds):
    asks, decides = somebody(Role.SUPPORT), somebody(Role.FINANCE)
    first, second = [await approvals.request(asks, wish()) for _ in range(2)]
    with pytest.raises(Forbidden, match="approval_of_another"):
        await approvals.withdraw(decides, first.id)
    assert (await approvals.withdraw(asks, first.id)).state == "withdrawn"
    assert await approvals.expire() == 0
    database.clock_offset += timedelta(days=7, seconds=1)
    with pytest.raises(Conflict, match="approval_expired"):
        await approvals.approve(decides, second.id, note="")
    assert (await approvals.expire(), await approvals.expire()) == (1, 0)
    assert ((await approvals.get(second.id)).state, deeds()) == ("expired", 0)


ALONE = {"refund.support": (Decimal(50), Decimal(100)), "refund.support.JPY": (Decimal(1000), Decimal(1000))}


@pytest.fixture
def limited(database, room, deeds):
    kind = replace(room.kind(), prepare=room.of_money, limit="refund")
    return Approvals(database=database, kinds=[kind], limits=Limits(ALONE))


async def spend(limited, actor, amount_minor, currency="CNY"):
    facts = {"amount_minor": str(amount_minor), "currency": currency}
    return (await limited.request(actor, Wish("deed", new_id("payment", 1), facts, "Because"))).state


async def test_one_person_decides_up_to_a_limit_each_time_and_in_a_day(limited, database, deeds):
    one, other, above = somebody(Role.SUPPORT), somebody(Role.SUPPORT), somebody(Role.SUPERVISOR)
    assert await spend(limited, one, 5001) is ApprovalState.REQUESTED, "too much at once"
    assert await spend(limited, one, 5000) is ApprovalState.ALONE
    assert await spend(limited, one, -4999) is ApprovalState.ALONE, "what is taken counts as what is given"
    assert await spend(limited, one, 2) is ApprovalState.REQUESTED, "too much in a day"
    assert await spend(limited, one, 1) is ApprovalState.ALONE
    assert await spend(limited, one, 1000, "JPY") is ApprovalState.ALONE, "a currency of its own, without decimals"
    assert await spend(limited, other, 5000) is ApprovalState.ALONE, "another person"
    assert await spend(limited, above, 1) is ApprovalState.REQUESTED, "a role that is not in the table"
    assert deeds() == 5
    database.clock_offset += timedelta(hours=24, seconds=1)
    assert await spend(limited, one, 5000) is ApprovalState.ALONE, "a day later"
    async with database.read() as transaction:
        said = [entry for entry in await trail.entries(transaction.connection) if entry.action == "approval.alone"]
    assert len(said) == 6


async def test_the_trail_says_how_much_was_asked_for_and_decided(limited, database):
    asks, decides = somebody(Role.SUPPORT), somebody(Role.FINANCE)
    facts = {"amount_minor": "9000", "currency": "CNY"}
    asked = await limited.request(asks, Wish("deed", new_id("payment", 1), facts, "Because"))
    await limited.approve(decides, asked.id, note="")
    async with database.read() as transaction:
        told = await trail.entries(transaction.connection, subject=asked.id)
        assert (await trail.verify(transaction.connection)).sound
    assert [(one.action, one.facts["amount_minor"], one.facts["currency"]) for one in told] == [
        ("approval.approved", 9000, "CNY"),
        ("approval.requested", 9000, "CNY"),
    ]


async def test_many_at_once_do_not_pass_the_limit_together(limited, deeds):
    one = somebody(Role.SUPPORT)
    states = Counter(await asyncio.gather(*(spend(limited, one, 3000) for _ in range(12))))
    print(
        f"12 refunds of 30.00 at once by one person who may do 100.00 a day: {states[ApprovalState.ALONE]} done alone"
    )
    assert states == {ApprovalState.ALONE: 3, ApprovalState.REQUESTED: 9}
    assert deeds() == 3


async def test_what_cannot_be_done_alone_has_not_happened(limited, room, deeds):
    room.refuses = True
    with pytest.raises(Conflict, match="settled_meanwhile"):
        await spend(limited, somebody(Role.SUPPORT), 100)
    assert deeds() == 0
    assert await limited.page(waiting=True) == []


async def test_what_one_person_closed_can_be_put_back(database, room):
    lane_and_kind = (1, "bills_missed")
    approvals = Approvals(database=database, kinds=[room.kind()])
    async with database.transaction() as transaction:
        await list_for_person(transaction.connection, [Decision(*lane_and_kind, "sandbox:day", {})], transaction.now)
        [item] = await queries.open_items(transaction.connection)
    somebody_else = somebody(Role.FINANCE)
    with pytest.raises(Conflict, match="work_item_final"):
        await approvals.reopen(somebody_else, item.id, permission=Permission.DECIDE_WORK)
    await approvals.close(somebody_else, item.id, permission=Permission.DECIDE_WORK, note="Fetched")
    with pytest.raises(Forbidden):
        await approvals.reopen(somebody(Role.AUDITOR), item.id, permission=Permission.DECIDE_WORK)
    await approvals.reopen(somebody_else, item.id, permission=Permission.DECIDE_WORK)
    async with database.read() as transaction:
        assert await queries.open_items(transaction.connection) == [item]
        assert (await trail.entries(transaction.connection))[0].action == "work.reopened"
