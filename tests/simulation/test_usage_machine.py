"""Sessions of usage against a plain model: any order of openings, reports, repetitions, releases and silences, of
several sessions on several lines, each with several services at home and abroad, now and in the past, in batches, while
lines are topped up and barred.

Whatever is counted is paid for once, or on record as unpaid; what a line has is what it was given less what its
sessions paid; what is granted is held at that moment; low and used up are told when they come about and only then;
nothing is negative; at the end nothing is held and the audit is clean.
Each sequence runs in a transaction that is rolled back.
"""

import asyncio
import os
from collections import Counter
from datetime import datetime, timedelta
from itertools import count

import msgspec
import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from msgspec.structs import replace

from tests.support.ledger import fresh_key
from tests.support.sharing import LANES
from tests.support.usage_model import AT, CAP, FILE, GRANTED, KINDS, LOW, MOST, NOT_AT, START, Client, Use
from tests.support.usage_sessions import mark_of
from topup.catalogue.checking import check_bytes
from topup.catalogue.operations import publish
from topup.catalogue.queries import CatalogueCache, Snapshot
from topup.charging.sessions.desk import place_of
from topup.charging.sessions.requests import Expiry, Opening, Reporting, ServiceReport, Told
from topup.charging.sessions.rows import seen
from topup.charging.sessions.work import take_in
from topup.kernel.errors import Problem
from topup.kernel.msisdn import Msisdn
from topup.ledger import BucketSpec, Credit, Posted, post
from topup.ledger.audit import audit
from topup.ledger.invariants import violations
from topup.lines.operations import open_lines
from topup.platform.database import application_conninfo
from topup.platform.installation import mark_installation

SOAK = bool(os.environ.get("TOPUP_SOAK"))
NUMBERS = ("+639081234501", "+639081234502", "+639081234503")
SHOWN = ("opened", "refused", "granted", "final", "replayed", "reused", "out of order", "over", "unpaid", "released")
SHOWN += ("timed out", "topped up", "barred", "closed", "several at once", "free above the cap", "PHP", "DATA", "VOICE")
SHOWN += ("SMS", "several services", "abroad", "in the past", *NOT_AT, "low", "used_up")
figures: Counter = Counter()


class UsageMachine(RuleBasedStateMachine):
    """Requests of sessions against the database of `url`; a subclass names it, and the loop to run in."""

    url: str
    runner: asyncio.Runner

    def __init__(self):
        super().__init__()
        self.now = START
        self.clients: list[Client] = []
        self.given: Counter = Counter()
        self.numbers = count()

    @initialize()
    def connect(self):
        conninfo = application_conninfo(self.url, statement_timeout_s=60)
        self.connection = self.runner.run(psycopg.AsyncConnection.connect(conninfo, autocommit=True))
        self.runner.run(self._furnish())
        figures["sequences"] += 1
        for number, amount in zip(NUMBERS, (3_000, 800, 550), strict=True):
            self.tops_up_by(number, "PHP", amount)
        self.tops_up_by(NUMBERS[0], "DATA", 4_000_000, until=START + timedelta(hours=3))
        for asset, amount in {"DATA": 900_000, "VOICE": 400, "SMS": 2}.items():
            self.tops_up_by(NUMBERS[1], asset, amount)

    async def _furnish(self):
        await self.connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
        await mark_installation(self.connection, demo=False, lanes=16, now=self.now)
        await publish(self.connection, check_bytes(FILE, name="test.toml"), self.now)
        snapshot = await Snapshot.load(self.connection)
        wanted = [(Msisdn(number, "PH"), "acme", "Asia/Manila") for number in NUMBERS]
        self.lines = await open_lines(self.connection, wanted, self.now, lanes=16, snapshot=snapshot)
        self.catalogue = CatalogueCache()

    @rule(number=st.sampled_from(NUMBERS), amount=st.integers(1, 1500), asset=st.sampled_from(("PHP", *GRANTED)),
          ends=st.booleans())  # fmt: skip
    def tops_up(self, number, amount, asset, ends):
        amount = max(amount * GRANTED.get(asset, 1_000) // 1_000, 1)
        self.tops_up_by(number, asset, amount, until=self.now + timedelta(hours=2) if asset != "PHP" and ends else None)
        figures["topped up"] += 1

    def tops_up_by(self, number, asset, amount, *, until=None):
        kind, priority = ("main", 100) if asset == "PHP" else ("plan", 10)
        spec = BucketSpec(kind=kind, priority=priority, rule={"id": "drawn"}, usable_until=until)
        line = self.lines[number]
        item = Credit(
            lane=line.lane, key=fresh_key(), purpose="test", reference="test", from_code="suspense", line_id=line.id,
            bucket=spec, asset=asset, amount=amount,
        )  # fmt: skip
        [answer] = self.runner.run(post(self.connection, [item], self.now))
        assert isinstance(answer, Posted)
        self.given[number, asset] += amount

    @rule(number=st.sampled_from(NUMBERS), barred=st.sampled_from((False, False, True)))
    def is_barred(self, number, barred):
        line = self.lines[number]
        statement = "UPDATE lines.lines SET status = %s WHERE lane = %s AND id = %s"
        values = ("barred" if barred else "active", line.lane, line.id)
        self.runner.run(self.connection.execute(statement, values))
        figures["barred"] += barred

    @rule(data=st.data(), size=st.integers(1, 3))
    def opens(self, data, size):
        if data.draw(st.integers(0, 9)) == 0:
            self._refuses_at_another_time(data)
        batch = [self._draw_opening(data) for _ in range(size)]
        for client, answer in zip(batch, self._ask([client.opening for client in batch]), strict=True):
            if isinstance(answer, Problem):
                assert answer.code in {"insufficient_funds", "bucket_frozen", "line_barred"}, answer.code
                figures["refused"] += 1
            else:
                self.clients.append(client)
                self._hear(client, client.opening, answer)
                figures["opened"] += 1
                figures["several services"] += len(client.uses) > 1
                figures["abroad"] += any(use.kind.country for use in client.uses.values())
                figures["in the past"] += client.opening.at is not None and client.opening.at < self.now

    def _draw_opening(self, data, span=None) -> Client:
        kinds = data.draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=3))
        uses = {3 * place: Use(kind) for place, kind in enumerate(kinds)}
        services = tuple(
            ServiceReport(group, 0, self._draw_wish(data, use), use.kind.service, use.kind.country, use.kind.called)
            for group, use in uses.items()
        )
        at = self._at(span or data.draw(st.sampled_from(AT)))
        number = data.draw(st.sampled_from(NUMBERS))
        key = f"session:{next(self.numbers)}"
        return Client(number, uses, Opening("key:x", key, number, 0, services, at, mark_of(number, services, at)))

    def _draw_wish(self, data, use) -> int | None:
        return data.draw(st.none() | st.integers(1, MOST[use.kind.service]))

    def _at(self, span) -> datetime | None:
        return None if span is None else self.now + span

    def _refuses_at_another_time(self, data):
        for code, span in NOT_AT.items():
            [answer] = self._ask([self._draw_opening(data, span).opening])
            assert answer.code == code
            figures[code] += 1

    @precondition(lambda machine: any(client.is_open for client in machine.clients))
    @rule(data=st.data(), size=st.integers(1, 4), rounds=st.integers(1, 4))
    def reports(self, data, size, rounds):
        for _ in range(rounds):
            self._report(data, size)

    def _report(self, data, size):
        going = [client for client in self.clients if client.is_open]
        if not going:
            return
        chosen = {id(client): client for client in (data.draw(st.sampled_from(going)) for _ in range(size))}
        batch = [(client, self._draw_report(data, client)) for client in chosen.values()]
        figures["several at once"] += len(batch) > 1
        for (client, request), answer in zip(batch, self._ask([request for _, request in batch]), strict=True):
            assert isinstance(answer, Told), answer
            self._hear(client, request, answer)

    def _draw_report(self, data, client) -> Reporting:
        groups = data.draw(st.lists(st.sampled_from(sorted(client.uses)), min_size=1, unique=True))
        services = []
        for group in groups:
            use = client.uses[group]
            most = use.granted * 2 + 5 if data.draw(st.integers(0, 3)) == 0 else use.granted
            used = data.draw(st.one_of(st.integers(0, most), st.just(most)))
            services.append(
                ServiceReport(group, used, self._draw_wish(data, use) if data.draw(st.integers(0, 5)) else 0)
            )
        at = self._at(data.draw(st.sampled_from(AT)))
        return self._reporting(client, *services, at=at, closing=data.draw(st.integers(0, 7)) == 0)

    def _reporting(self, client, *services, at=None, closing=False) -> Reporting:
        lane, identifier = place_of(client.id)
        mark = mark_of(services, at, closing)
        return Reporting(lane, identifier, client.sequence + 1, services, at, mark, closing)

    @precondition(lambda machine: machine.clients)
    @rule(data=st.data())
    def sends_again(self, data):
        """The last request once more; with another body; and one with a number that is not due."""
        client = data.draw(st.sampled_from(self.clients))
        request, body = client.last
        [again] = self._ask([request])
        assert (again.body, again.replayed) == (body, True)
        figures["replayed"] += 1
        [other] = self._ask([replace(request, fingerprint=b"another")])
        assert other.code == ("session_id_reused" if isinstance(request, Opening) else "usage_sequence_reused")
        figures["reused"] += 1
        wrong = data.draw(st.sampled_from((-1, 2, 5)))
        late = replace(self._reporting(client, ServiceReport(0, 1, 1)), sequence=client.sequence + wrong)
        [refused] = self._ask([late])
        if client.is_open:
            assert (refused.code, refused.parameters["expected"]) == ("usage_sequence_wrong", client.sequence + 1)
            figures["out of order"] += 1
        else:
            assert refused.code == "usage_session_closed"
            figures["closed"] += 1

    @rule(minutes=st.sampled_from((1, 5, 9, 10, 11, 12, 200, 60 * 24, 60 * 49)))
    def time_passes(self, minutes):
        """The sweep looks at every session: those that were silent for too long are closed."""
        self.now += timedelta(minutes=minutes)
        going = [client for client in self.clients if client.is_open]
        self._ask([Expiry(*place_of(client.id)) for client in going])
        for client in going:
            if client.deadline <= self.now:
                client.is_open = False
                # The fraction that was carried is rounded at the end, whoever ends it.
                for meter in self._meters(client):
                    cost = [{"asset": asset, "amount": paid} for asset, paid in meter.cost().items()]
                    client.uses[meter.group].said = {"cost": cost, "unpaid_minor": meter.unpaid}
                figures["timed out"] += 1

    def _ask(self, requests):
        """Ask, and see that exactly what fell below its mark by it was told."""
        before, told = self._usable(), self._told()
        answers = self.runner.run(take_in(self.connection, requests, self.now, catalogue=self.catalogue, lanes=LANES))
        after = self._usable()
        expected: Counter = Counter()
        for (line, asset), was in before.items():
            left = after.get((line, asset), 0)
            if not left:
                expected[line, asset, "used_up", 0] += 1
            elif left < LOW.get(asset, 0) <= was:
                expected[line, asset, "low", left] += 1
        assert self._told() - told == expected
        figures.update(name for _, _, name, _ in expected)
        return answers

    def _usable(self) -> dict[tuple[str, str], int]:
        """What each line has of each asset whose time has not come."""
        found = self._rows(
            "SELECT line_id, asset, sum(balance)::bigint FROM ledger.buckets"
            " WHERE usable_until > %s IS NOT FALSE GROUP BY 1, 2 HAVING sum(balance) > 0",
            self.now,
        )
        return {(line, asset): amount for line, asset, amount in found}

    def _told(self) -> Counter:
        return Counter(
            self._rows(
                "SELECT line_id, facts ->> 'asset', name, (facts ->> 'left')::bigint FROM charging.usage_events"
                " WHERE name IN ('low', 'used_up')"
            )
        )

    def _meters(self, client):
        return self.runner.run(seen(self.connection, *place_of(client.id))).meters

    def _hear(self, client, request, answer):
        said = msgspec.json.decode(answer.body)
        used = {report.group: report.used for report in request.services}
        client.id, client.sequence, client.last = said["id"], said["sequence"], (request, answer.body)
        client.deadline = self.now + timedelta(seconds=660)
        client.is_open = said["status"] == "open"
        figures["released"] += not client.is_open
        for service in said["services"]:
            use = client.uses[service["rating_group"]]
            now = used.get(service["rating_group"], 0)
            use.over += max(now - use.granted, 0)
            use.used += now
            use.granted, use.said = service["granted"], service
            assert (service["used"], service["overrun"]) == (use.used, use.over)
            assert service["granted"] >= 0
            figures["over"] += now > 0 and use.over > 0
            figures["granted"] += use.granted > 0
            figures["final"] += service["final"]
            figures["unpaid"] += service["unpaid_minor"] > 0
            figures.update(use.paid.keys())
        self._is_held(client, {service["rating_group"] for service in said["services"]})

    def _is_held(self, client, groups):
        """What was granted just now can be paid for by what is held, and the fraction that is carried."""
        for meter in self._meters(client):
            use = client.uses[meter.group]
            # Of a capped rate the day's rest may be free.
            if meter.group in groups and use.kind.service != "mms":
                held: Counter = Counter()
                for hold in meter.holds:
                    held[hold.asset] += hold.left
                needed = use.kind.owed(use.used + use.granted) - use.kind.owed(use.used)
                assert use.kind.value(held) > needed - 1, (client, use)

    def _rows(self, statement, *values):
        async def ask():
            return await (await self.connection.execute(statement, values)).fetchall()

        return self.runner.run(ask())

    @invariant()
    def what_a_line_has_is_what_it_was_given_less_what_was_paid(self):
        if not hasattr(self, "connection"):
            return
        paid: Counter = Counter()
        for client in self.clients:
            for use in client.uses.values():
                paid.update({(client.number, asset): amount for asset, amount in use.paid.items()})
        for number, line in self.lines.items():
            stored = dict(
                self._rows(
                    "SELECT asset, sum(balance)::bigint FROM ledger.buckets WHERE line_id = %s GROUP BY asset", line.id
                )
            )
            for asset in ("PHP", *GRANTED):
                assert stored.get(asset, 0) == self.given[number, asset] - paid[number, asset]

    @invariant()
    def whatever_was_counted_is_paid_for_or_on_record(self):
        for client in self.clients:
            for use in client.uses.values():
                unpaid = use.said["unpaid_minor"]
                missing = use.kind.owed(use.used) - use.kind.value(use.paid) - unpaid
                if use.kind.service == "mms":
                    assert missing >= 0
                    figures["free above the cap"] += missing > 0
                else:
                    # Less than a minor unit is carried until the end, and rounded up there.
                    assert abs(missing) < 1, (client, use)
                # Without a word of it nothing stays unpaid but fractions, and what a day of another time costs.
                assert unpaid == 0 or use.over or use.kind.service in {"data", "mms"}

    @invariant()
    def a_capped_day_costs_no_more_than_its_cap(self):
        if hasattr(self, "connection"):
            assert all(minor <= CAP for (minor,) in self._rows("SELECT minor FROM charging.usage_spent"))

    @invariant()
    def the_ledger_holds_what_sessions_say_they_hold(self):
        if not hasattr(self, "connection"):
            return
        kept = self._rows("SELECT meters FROM charging.usage_sessions")
        meters = [meter for (text,) in kept for meter in msgspec.json.decode(text)]
        held = dict(self._rows("SELECT id, amount - settled FROM ledger.holds WHERE state = 'open'"))
        assert {hold[0]: hold[6] for meter in meters for hold in meter[16]} == held
        assert self.runner.run(violations(self.connection)) == []

    def teardown(self):
        if not hasattr(self, "connection"):
            return
        try:
            for client in self.clients:
                if client.is_open:
                    request = self._reporting(client, closing=True)
                    [answer] = self._ask([request])
                    self._hear(client, request, answer)
            self.whatever_was_counted_is_paid_for_or_on_record()
            assert self._rows("SELECT id FROM ledger.holds WHERE state = 'open'") == []
            kept = self._rows("SELECT sum(quantity)::bigint FROM charging.usage_records")
            assert (kept[0][0] or 0) == sum(use.used for client in self.clients for use in client.uses.values())
            report = self.runner.run(audit(self.connection))
            assert report.sound, report.faults
            figures["transfers"] += report.transfers
        finally:
            self.runner.run(self.connection.close())


@pytest.fixture
def machine_url(postgres):
    database = postgres.clone()
    yield postgres.url(database)
    postgres.drop(database)


@pytest.mark.timeout(1800 if SOAK else 300)
def test_sessions_do_what_their_model_does(machine_url):
    figures.clear()
    chosen = settings(
        max_examples=1000 if SOAK else 20,
        stateful_step_count=40 if SOAK else 25,
        deadline=None,
        derandomize=not SOAK,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
    with asyncio.Runner() as runner:
        here = type("Machine", (UsageMachine,), {"url": machine_url, "runner": runner})
        run_state_machine_as_test(here, settings=chosen)
    print(f"usage sessions {dict(figures)}")
    for kind in SHOWN:
        assert figures[kind], f"nothing was drawn that shows {kind}"
