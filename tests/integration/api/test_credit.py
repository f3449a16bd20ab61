"""A line's credit over REST: its books with ids and dates, shares and adjustments under keys, each for who may."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from tests.support.ledger import transfer
from tests.support.sharing import ANA, BEN, Circle
from topup.catalogue.queries import CatalogueCache
from topup.charging.adjustments import Adjustments
from topup.charging.approving import Approving
from topup.charging.line_books import PAGE
from topup.kernel.errors import Forbidden
from topup.kernel.ids import new_id, number_of, numbered_id
from topup.ledger import post
from topup.ledger.tasks import expire_buckets
from topup.people import administration
from topup.people.operations import create_key
from topup.people.permissions import Role
from topup.people.sessions import SignedIn
from topup.people.signing_in import enrol_at_once
from topup.platform.keys import KeyRing
from topup.work.approvals import Approvals

THIRTY = {"amount_minor": 3000, "currency": "PHP"}


class Office:
    """Systems of the operator: callers with keys of each role."""

    def __init__(self, api, circle):
        self.api = api
        self.circle = circle
        self._keys = {}

    async def ask(self, method, path, body=None, *, role=Role.OPERATOR, key=None):
        if role not in self._keys:
            async with self.api.database.transaction() as transaction:
                made = await create_key(transaction.connection, role=role, label="test", now=transaction.now)
            self._keys[role] = made
        headers = {"Authorization": f"Bearer {self._keys[role].secret}", "Accept-Language": "en"}
        if method == "POST":
            headers["Idempotency-Key"] = key or uuid4().hex
        return await self.api.client.request(method, f"/api/v1{path}", json=body, headers=headers)

    async def share(self, amount=THIRTY, *, to=BEN, number=ANA, **options):
        return await self.ask("POST", f"/lines/{number}/shares", {"to": to, "amount": amount}, **options)

    async def adjust(self, amount_minor, *, reason="goodwill", note="", number=ANA, **options):
        body = {"amount": {"amount_minor": amount_minor, "currency": "PHP"}, "reason": reason, "note": note}
        return await self.ask("POST", f"/lines/{number}/adjustments", body, **options)

    async def rows(self, statement, *parameters):
        async with self.api.database.read() as transaction:
            return await (await transaction.connection.execute(statement, parameters)).fetchall()

    async def holding(self, staff_id, role=Role.SUPERVISOR):
        """From now on calls of this role are made with another key, of somebody of the staff."""
        async with self.api.database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            self._keys[role] = await create_key(connection, role=role, label="", now=now, staff_id=staff_id)

    def key_id(self, role=Role.OPERATOR):
        return self._keys[role].id


@pytest.fixture
async def office(api):
    circle = await Circle.of(api.database)
    await circle.open(ANA, main=50_000)
    await circle.open(BEN)
    return Office(api, circle)


async def test_credit_is_shared_and_the_share_can_be_looked_at(office):
    made = await office.share(role=Role.SUPPORT)
    assert made.status_code == 201, made.text
    said = made.json()
    assert said["status"] == "shared"
    assert said["final"]
    assert (said["sender"], said["receiver"]) == (ANA, BEN)
    assert said["total"] == {"amount_minor": 3100, "currency": "PHP"}
    assert said["fee"] == {"amount_minor": 100, "currency": "PHP"}
    assert [step["state"] for step in said["timeline"]] == ["requested", "held", "credited", "shared"]
    assert (await office.ask("GET", f"/shares/{said['id']}", role=Role.READER)).json() == said
    assert await office.circle.has(ANA) == {"main": 46_900}
    await office.circle.all_done()


async def test_the_same_key_shares_once_and_is_answered_alike(office):
    first, again = [await office.share(key="once") for _ in range(2)]
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotent-replayed"] == "true"
    other = await office.share({"amount_minor": 6000, "currency": "PHP"}, key="once")
    assert (other.status_code, other.json()["code"]) == (422, "key_reused")
    assert await office.circle.has(BEN) == {"shared": 3000}


async def test_a_refusal_says_what_is_needed_and_leaves_the_key_free(office):
    big = {"amount_minor": 20_000, "currency": "PHP"}
    for _ in range(2):
        assert (await office.share(big)).status_code == 201
    refused = await office.share(big, key="later")
    said = refused.json()
    assert (refused.status_code, said["code"], said["needed"]) == (409, "insufficient_funds", "201.00")
    assert said["detail"].startswith("₱201.00 are needed")
    kept = (await office.ask("GET", f"/shares/{said['share']}")).json()
    assert (kept["status"], kept["reason"]) == ("refused", "insufficient_funds")
    await office.circle.give(ANA, 50_000)
    assert (await office.share(big, key="later")).status_code == 201


async def test_a_limit_says_when_it_begins_anew(office):
    body = {"to": BEN, "amount": {"amount_minor": 20_000, "currency": "PHP"}, "conditions": ["receiver_roaming"]}
    assert (await office.ask("POST", f"/lines/{ANA}/shares", body)).status_code == 201
    refused = await office.ask("POST", f"/lines/{ANA}/shares", body)
    said = refused.json()
    assert (refused.status_code, said["code"], said["left"]) == (409, "sharing_limit_amount", "0.00")
    assert said["frees_at"].endswith(" 00:00+08:00")
    assert said["frees_at"] in said["detail"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"to": "+639181239999", "amount": THIRTY}, 422, "sharing_receiver_unknown"),
        ({"to": ANA, "amount": THIRTY}, 422, "sharing_same_line"),
        ({"to": BEN, "amount": {"amount_minor": 3100, "currency": "PHP"}}, 422, "sharing_amount"),
        ({"to": BEN, "amount": {"amount_minor": 3000, "currency": "CNY"}}, 422, "currency_wrong"),
        ({"to": BEN, "amount": {"amount_minor": 3000, "currency": "SMS"}}, 422, "currency_wrong"),
        ({"to": "12", "amount": THIRTY}, 422, "number_impossible"),
        ({"to": BEN, "amount": THIRTY, "conditions": ["asleep"]}, 422, "body_invalid"),
        ({"to": BEN}, 422, "body_invalid"),
    ],
)
async def test_what_is_wrong_with_a_wish_is_said(office, body, status, code):
    refused = await office.ask("POST", f"/lines/{ANA}/shares", body)
    assert (refused.status_code, refused.json()["code"]) == (status, code), refused.text
    assert await office.circle.has(ANA) == {"main": 50_000}


async def test_a_number_is_read_as_people_of_its_country_write_it(office):
    made = await office.share(to="0918 123 4502")
    assert made.json()["receiver"] == BEN


async def test_credit_is_adjusted_and_says_who_did_it(office):
    made = await office.adjust(-500, reason="fraud", note="Two accounts, one person")
    assert made.status_code == 201, made.text
    said = made.json()
    assert said["amount"] == {"amount_minor": -500, "currency": "PHP"}
    assert (said["status"], said["made_by"]) == ("posted", f"key:{office.key_id()}")
    assert (await office.ask("GET", f"/adjustments/{said['id']}")).json() == said
    assert await office.circle.has(ANA) == {"main": 49_500}
    again = [await office.adjust(100, key="once") for _ in range(2)]
    assert again[0].content == again[1].content
    assert await office.circle.has(ANA) == {"main": 49_600}


async def test_above_the_ceiling_another_is_asked_and_nothing_moves(office):
    asked = await office.adjust(50_001, key="large", note="Long outage")
    assert asked.status_code == 202, asked.text
    said = asked.json()
    assert (said["status"], said["asked_by"], said["note"]) == ("requested", f"key:{office.key_id()}", "Long outage")
    again = await office.adjust(50_001, key="large", note="Long outage")
    assert (again.status_code, again.content) == (202, asked.content)
    other = await office.adjust(50_002)
    assert (other.status_code, other.json()["code"]) == (409, "approval_open")
    assert await office.circle.has(ANA) == {"main": 50_000}
    assert (await office.ask("GET", f"/adjustment-requests/{said['id']}")).json() == said
    adjusting = Approving(Adjustments(database=office.api.database, catalogue=CatalogueCache()))
    approvals = Approvals(database=office.api.database, kinds=adjusting.kinds())
    async with office.api.database.read() as transaction:
        cursor = await transaction.connection.execute("SELECT id FROM people.api_keys WHERE role = 'operator'")
        [(own,)] = await cursor.fetchall()
    with pytest.raises(Forbidden, match="approval_own"):
        await approvals.approve(_signed_in(f"key:{own}", Role.OPERATOR), said["id"], note="")
    await approvals.approve(_signed_in("stf_x", Role.FINANCE), said["id"], note="")
    assert await office.circle.has(ANA) == {"main": 100_001}
    done = (await office.ask("GET", f"/adjustment-requests/{said['id']}")).json()
    made = (await office.ask("GET", f"/adjustments/{done['adjustment']}")).json()
    assert (done["status"], made["made_by"], made["note"]) == ("approved", said["asked_by"], "Long outage")


async def test_what_is_split_is_summed_over_a_day_and_then_another_is_asked(office):
    """G21: nobody gives or takes more than their limit alone, in however many pieces, and however many at once."""
    made = [await office.adjust(50_000)]
    made += await asyncio.gather(*(office.adjust(50_000) for _ in range(7)))
    states = sorted(one.status_code for one in made)
    print(f"8 adjustments at the ceiling at once, where five make a day's: {states.count(201)} made alone")
    assert states == [201] * 5 + [202] + [409] * 2, "the sixth is asked for, and once"
    assert await office.circle.has(ANA) == {"main": 300_000}
    assert (await office.adjust(-1, number=ANA)).status_code == 409, "what is taken counts as what is given"
    assert (await office.adjust(1, number=BEN)).status_code == 202
    office.api.database.clock_offset += timedelta(hours=24, seconds=1)
    assert (await office.adjust(-1000, number=ANA)).status_code == 201, "a day later"


@pytest.fixture
async def supervisor(office, tmp_path):
    """Somebody of the staff, by their id."""
    async with office.api.database.transaction() as transaction:
        connection, now = transaction.connection, transaction.now
        invited = await administration.add(connection, login="sue", role=Role.SUPERVISOR, by="cli", now=now)
        keys = KeyRing(tmp_path / "keys")
        await enrol_at_once(connection, keys, invited, password="x", secret="JBSWY3DPEHPK3PXP", now=now)
    return invited.id


async def test_somebody_who_holds_many_keys_has_one_limit_and_approves_nothing_they_asked_for(office, supervisor):
    """G21: the limit is the person's, and so is the request, whatever they made it with."""
    role = Role.SUPERVISOR
    states = []
    for _ in range(6):
        await office.holding(supervisor)
        made = await office.adjust(50_000, role=role)
        states.append(made.status_code)
    assert states == [201] * 5 + [202], "five make a day's"
    said = made.json()
    assert said["asked_by"] == supervisor
    adjusting = Approving(Adjustments(database=office.api.database, catalogue=CatalogueCache()))
    approvals = Approvals(database=office.api.database, kinds=adjusting.kinds())
    with pytest.raises(Forbidden, match="approval_own"):
        await approvals.approve(_signed_in(supervisor, role), said["id"], note="")


async def test_a_key_of_somebody_may_no_more_than_they_may_and_ends_with_their_account(office, supervisor):
    await office.holding(supervisor, Role.OPERATOR)
    assert (await office.ask("GET", f"/lines/{ANA}/buckets")).status_code == 200
    bill = await office.ask("GET", "/reconciliation/scripted/2026-03-10")
    assert bill.status_code == 403, "an operator may, a supervisor may not"
    changed = (
        ("UPDATE people.staff SET confirmed_by = NULL, confirmed_at = NULL", 403),
        ("UPDATE people.staff SET disabled_at = created_at", 401),
    )
    for statement, status in changed:
        async with office.api.database.transaction() as transaction:
            await transaction.connection.execute(statement)
        assert (await office.adjust(1)).status_code == status


async def test_what_cannot_be_adjusted_is_refused(office):
    for answer, status, code in (
        (await office.adjust(-50_000, number=BEN), 409, "insufficient_funds"),
        (await office.adjust(0), 422, "adjustment_of_nothing"),
        (await office.adjust(1, reason="because"), 422, "adjustment_reason_unknown"),
        (await office.adjust(1, reason="other"), 422, "adjustment_note_missing"),
        (await office.adjust(1, number="+639181239999"), 404, "line_unknown"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await office.circle.has(ANA) == {"main": 50_000}


async def test_who_may_not_moves_nothing(office):
    for role, may_share in ((Role.READER, False), (Role.AUDITOR, False), (Role.SUPPORT, True)):
        assert ((await office.share(role=role)).status_code == 201) is may_share
        assert (await office.adjust(100, role=role)).json()["code"] == "not_permitted"
    assert await office.circle.has(ANA) == {"main": 46_900}
    ids = [f"/{kind}s/{new_id(kind, 1)}" for kind in ("share", "hold", "transfer")]
    for path in (f"/lines/{ANA}/buckets", f"/lines/{ANA}/transfers", f"/buckets/{new_id('account', 1)}", *ids):
        assert (await office.ask("GET", path, role=Role.AUDITOR)).status_code == 403
        assert (await office.api.client.get(f"/api/v1{path}")).status_code == 401


async def test_buckets_and_holds_have_ids_states_times_and_reasons(office):
    await office.share()
    [bucket] = (await office.ask("GET", f"/lines/{BEN}/buckets")).json()["buckets"]
    assert bucket["id"].startswith("acc_")
    assert (bucket["status"], bucket["kind"], bucket["source"]) == ("usable", "shared", "share")
    assert (bucket["amount"], bucket["available"], bucket["held"]) == (3000, 3000, 0)
    assert bucket["usable_until"] == bucket["forfeit_at"]
    assert bucket["opened_at"].endswith("Z")
    assert "15" in bucket["why"]
    assert bucket["rule"]["inputs"]["days"] == 15


async def test_a_hold_is_shown_while_it_is_open(office, monkeypatch):
    async def nobody_drives(*_):
        pass

    with monkeypatch.context() as changed:
        changed.setattr("topup.charging.sharing.desk.Sharing._drive", nobody_drives)
        share = (await office.share()).json()
    assert (share["status"], share["final"]) == ("held", False)
    said = (await office.ask("GET", f"/lines/{ANA}/buckets")).json()
    [hold] = said["holds"]
    assert hold["id"].startswith("hol_")
    assert (hold["status"], hold["amount"], hold["reference"]) == ("open", 3100, share["id"])
    assert said["buckets"][0]["available"] == 46_900


async def test_transfers_are_paged_and_each_has_an_id(office):
    for amount in range(1, PAGE + 3):
        await office.circle.give(BEN, amount)
    first = (await office.ask("GET", f"/lines/{BEN}/transfers")).json()
    assert len(first["transfers"]) == PAGE
    second = (await office.ask("GET", f"/lines/{BEN}/transfers?before={first['before']}")).json()
    assert second["before"] is None
    found = first["transfers"] + second["transfers"]
    assert [transfer["amount"] for transfer in found] == list(range(PAGE + 2, 0, -1))
    assert len({transfer["id"] for transfer in found}) == PAGE + 2
    lane = office.circle.lines[BEN].lane
    assert {number_of("transfer", transfer["id"])[0] for transfer in found} == {lane}
    assert {(transfer["status"], transfer["direction"]) for transfer in found} == {("posted", "in")}
    for before in ("nonsense", numbered_id("transfer", (lane + 1) % 16, 5)):
        refused = await office.ask("GET", f"/lines/{BEN}/transfers?before={before}")
        assert (refused.status_code, refused.json()["code"]) == (404, "transfer_unknown")


async def test_what_is_not_there_is_not_found(office):
    for path, code in (
        (f"/shares/{new_id('share', 3)}", "share_unknown"),
        ("/shares/nonsense", "share_unknown"),
        (f"/adjustments/{new_id('adjustment', 3)}", "adjustment_unknown"),
        ("/lines/+639181239999/buckets", "line_unknown"),
        ("/lines/+639181239999/transfers", "line_unknown"),
    ):
        refused = await office.ask("GET", path)
        assert (refused.status_code, refused.json()["code"]) == (404, code)


async def test_everything_of_the_books_is_found_by_its_id_also_when_it_is_closed(office):
    share = (await office.share()).json()
    [given, taken] = (await office.ask("GET", f"/lines/{ANA}/transfers")).json()["transfers"][:2]
    assert (await office.ask("GET", f"/transfers/{taken['id']}", role=Role.READER)).json() == taken
    assert given["reference"] == share["id"]
    [bucket] = (await office.ask("GET", f"/lines/{BEN}/buckets")).json()["buckets"]
    assert (await office.ask("GET", f"/buckets/{bucket['id']}")).json() == bucket
    assert (bucket["status"], bucket["closed_at"]) == ("usable", None)
    [(hold_id,)] = await office.rows("SELECT hold_id FROM charging.shares")
    hold = (await office.ask("GET", f"/holds/{hold_id}")).json()
    assert (hold["id"], hold["status"], hold["amount"], hold["settled"]) == (hold_id, "settled", 3100, 3100)
    assert hold["line_id"] == given["line_id"]
    assert hold["created_at"] <= hold["closed_at"] <= hold["expires_at"]


async def test_a_bucket_that_was_forfeited_is_found_with_when(office):
    await office.share()
    [bucket] = (await office.ask("GET", f"/lines/{BEN}/buckets")).json()["buckets"]
    office.api.database.clock_offset += timedelta(days=30)
    assert (await office.ask("GET", f"/buckets/{bucket['id']}")).json()["status"] == "ended"
    assert await expire_buckets(office.api.database) == 1
    assert (await office.ask("GET", f"/lines/{BEN}/buckets")).json()["buckets"] == []
    closed = (await office.ask("GET", f"/buckets/{bucket['id']}")).json()
    assert (closed["status"], closed["amount"], closed["available"]) == ("closed", 0, 0)
    assert closed["closed_at"] > closed["forfeit_at"]


async def test_a_lines_shares_are_listed_on_both_sides_page_by_page(office, monkeypatch):
    monkeypatch.setattr("topup.charging.sharing.history.PAGE", 2)
    made = [(await office.share()).json() for _ in range(3)]
    for number in (ANA, BEN):
        first = (await office.ask("GET", f"/lines/{number}/shares", role=Role.READER)).json()
        assert first["shares"] == [made[2], made[1]]
        second = (await office.ask("GET", f"/lines/{number}/shares?before={first['before']}")).json()
        assert (second["shares"], second["before"]) == ([made[0]], None)
    assert (await office.ask("GET", f"/lines/{ANA}/shares", role=Role.AUDITOR)).status_code == 403


async def test_an_id_of_nothing_or_of_another_kind_is_not_found(office):
    await office.adjust(100)
    lane = office.circle.lines[ANA].lane
    [(sequence,)] = await office.rows("SELECT min(sequence) FROM ledger.transfers WHERE lane = %s", lane)
    async with office.api.database.transaction() as transaction:
        await post(transaction.connection, [transfer(lane=lane)], transaction.now)
    ours = numbered_id("transfer", lane, (await office.rows("SELECT max(sequence) FROM ledger.transfers"))[0][0])
    for path, code in (
        (f"/holds/{new_id('hold', 3)}", "hold_unknown"),
        (f"/holds/{new_id('account', 3)}", "hold_unknown"),
        (f"/buckets/{new_id('account', 3)}", "bucket_unknown"),
        ("/buckets/nonsense", "bucket_unknown"),
        (f"/transfers/{numbered_id('transfer', lane, sequence + 1000)}", "transfer_unknown"),
        (f"/transfers/{new_id('transfer', lane)}", "transfer_unknown"),
        (f"/transfers/{ours}", "transfer_unknown"),
        (f"/lines/{ANA}/shares?before={new_id('share', 3)}", "share_unknown"),
        (f"/lines/{ANA}/shares?before=nonsense", "share_unknown"),
    ):
        refused = await office.ask("GET", path)
        assert (refused.status_code, refused.json()["code"]) == (404, code), path


def _signed_in(identifier: str, role: Role) -> SignedIn:
    return SignedIn(identifier, "x", role, datetime.now(UTC), "", confirmed=True)
