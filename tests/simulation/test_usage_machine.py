"""Sessions of usage against a plain model: any order of openings, reports, repetitions, releases and silences, of
several sessions on one line, in batches, while the line is topped up and barred.

Whatever is counted is paid for once, or on record as unpaid; what a line has is what it was given less what its
sessions paid; what is granted is held at that moment; nothing is negative; at the end nothing is held and the audit is
clean.
Each sequence runs in a transaction that is rolled back.
"""

import asyncio
import os
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import count

import msgspec
import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from msgspec.structs import replace

from tests.support.ledger import fresh_key
from tests.support.usage import CARRIER
from tests.support.usage_sessions import mark_of
from topup.catalogue.checking import check_bytes
from topup.catalogue.operations import publish
from topup.catalogue.queries import CatalogueCache, Snapshot
from topup.charging.usage_sessions import place_of
from topup.charging.usage_sessions_requests import Expiry, Opening, Reporting, ServiceReport, Told
from topup.charging.usage_sessions_rows import seen
from topup.charging.usage_sessions_work import take_in
from topup.kernel.errors import Problem
from topup.kernel.msisdn import Msisdn
from topup.ledger import BucketSpec, Credit, Posted, post
from topup.ledger.audit import audit
from topup.ledger.invariants import violations
from topup.lines.operations import open_lines
from topup.platform.database import application_conninfo
from topup.platform.installation import mark_installation

SOAK = bool(os.environ.get("TOPUP_SOAK"))
START = datetime(2026, 3, 20, 9, tzinfo=UTC)
NUMBERS = ("+639081234501", "+639081234502")
STEP = 100_000
CAP = 300
FILE = (
    CARRIER.replace(b'steps = "1 MB"', b'steps = "100 kB"').replace(b"daily_cap = 10\n", b"")
    + b'[[rates]]\nid = "mms"\nservice = "mms"\nprice = 1\ndaily_cap = 3\n'
)
SERVICES = ("data", "data", "data", "voice", "sms", "mms")
SHOWN = ("opened", "refused", "granted", "final", "replayed", "reused", "out of order", "over", "unpaid", "released")
SHOWN += ("timed out", "topped up", "barred", "closed", "DATA", "several at once", "free above the cap")
figures: Counter = Counter()


def price(service: str, units: int) -> int:
    """What units come to, whoever pays: minor units of money."""
    match service:
        case "data":
            return -(-units // STEP) * 5
        case "voice":
            return -(-units // 60) * 200
    return units * 100


@dataclass
class Client:
    """A session as the model has it."""

    number: str
    service: str
    opening: Opening
    id: str = ""
    used: int = 0
    granted: int = 0
    over: int = 0
    last: tuple[Opening | Reporting, bytes] | None = None
    sequence: int = 0
    is_open: bool = True
    deadline: datetime = START
    said: dict = field(default_factory=dict)


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
        self.tops_up_by(NUMBERS[0], "PHP", 3_000)
        self.tops_up_by(NUMBERS[0], "DATA", 4_000_000, until=START + timedelta(hours=3))

    async def _furnish(self):
        await self.connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
        await mark_installation(self.connection, demo=False, lanes=16, now=self.now)
        await publish(self.connection, check_bytes(FILE, name="test.toml"), self.now)
        snapshot = await Snapshot.load(self.connection)
        wanted = [(Msisdn(number, "PH"), "acme", "Asia/Manila") for number in NUMBERS]
        self.lines = await open_lines(self.connection, wanted, self.now, lanes=16, snapshot=snapshot)
        self.catalogue = CatalogueCache()

    @rule(number=st.sampled_from(NUMBERS), amount=st.integers(1, 1500), data=st.booleans(), ends=st.booleans())
    def tops_up(self, number, amount, data, ends):
        asset = "DATA" if data else "PHP"
        amount = amount * 3_000 if data else amount
        self.tops_up_by(number, asset, amount, until=self.now + timedelta(hours=2) if data and ends else None)
        figures["topped up"] += 1

    def tops_up_by(self, number, asset, amount, *, until=None):
        data = asset == "DATA"
        spec = BucketSpec(
            kind="plan" if data else "main", priority=10 if data else 100, rule={"id": "drawn"}, usable_until=until
        )
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
        batch = []
        for _ in range(size):
            number, service = data.draw(st.sampled_from(NUMBERS)), data.draw(st.sampled_from(SERVICES))
            wanted = data.draw(st.none() | st.integers(1, 30)) if service in {"sms", "mms"} else None
            if service == "data":
                wanted = data.draw(st.none() | st.integers(1, 5_000_000))
            if service == "voice":
                wanted = data.draw(st.none() | st.integers(1, 300))
            services = (ServiceReport(0, 0, wanted, service, None, None),)
            key = f"session:{next(self.numbers)}"
            opening = Opening("key:x", key, number, 0, services, None, mark_of(number, services))
            batch.append(Client(number, service, opening))
        answers = self._ask([client.opening for client in batch])
        for client, answer in zip(batch, answers, strict=True):
            if isinstance(answer, Problem):
                assert answer.code in {"insufficient_funds", "bucket_frozen", "line_barred"}, answer.code
                figures["refused"] += 1
            else:
                self.clients.append(client)
                self._hear(client, client.opening, answer)
                figures["opened"] += 1

    @rule(data=st.data(), size=st.integers(1, 4))
    def report(self, data, size):
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
        most = client.granted if data.draw(st.integers(0, 5)) else client.granted * 2 + 5
        used = data.draw(st.one_of(st.integers(0, most), st.just(client.granted)))
        wanted = data.draw(st.one_of(st.none(), st.just(0), st.integers(1, 2_000_000), st.integers(1, 50)))
        return self._reporting(client, used, wanted, closing=data.draw(st.integers(0, 7)) == 0)

    def _reporting(self, client, used, wanted, *, closing) -> Reporting:
        lane, identifier = place_of(client.id)
        services = (ServiceReport(0, used, wanted),)
        return Reporting(lane, identifier, client.sequence + 1, services, None, mark_of(services, closing), closing)

    @rule(data=st.data())
    def sends_again(self, data):
        """The last request once more; with another body; and one with a number that is not due."""
        if not self.clients:
            return
        client = data.draw(st.sampled_from(self.clients))
        request, body = client.last
        [again] = self._ask([request])
        assert (again.body, again.replayed) == (body, True)
        figures["replayed"] += 1
        [other] = self._ask([replace(request, fingerprint=b"another")])
        assert other.code == ("key_reused" if isinstance(request, Opening) else "usage_sequence_reused")
        figures["reused"] += 1
        wrong = data.draw(st.sampled_from((-1, 2, 5)))
        late = replace(self._reporting(client, 1, 1, closing=False), sequence=client.sequence + wrong)
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
                [meter] = self.runner.run(seen(self.connection, *place_of(client.id))).meters
                client.said["cost"] = [{"asset": asset, "amount": paid} for asset, paid in meter.cost().items()]
                client.said["unpaid_minor"] = meter.unpaid
                figures["timed out"] += 1

    def _ask(self, requests):
        return self.runner.run(take_in(self.connection, requests, self.now, catalogue=self.catalogue))

    def _hear(self, client, request, answer):
        said = msgspec.json.decode(answer.body)
        [service] = said["services"]
        if isinstance(request, Reporting):
            used = request.services[0].used
            client.over += max(used - client.granted, 0)
            client.used += used
            figures["over"] += used > client.granted
        client.id, client.sequence, client.said = said["id"], said["sequence"], service
        client.granted, client.last = service["granted"], (request, answer.body)
        client.deadline = self.now + timedelta(seconds=660)
        client.is_open = said["status"] == "open"
        assert (service["used"], service["overrun"]) == (client.used, client.over)
        assert service["granted"] >= 0
        figures["granted"] += service["granted"] > 0
        figures["final"] += service["final"]
        figures["released"] += not client.is_open
        figures["unpaid"] += service["unpaid_minor"] > 0
        figures["DATA"] += any(cost["asset"] == "DATA" for cost in service["cost"])
        if client.service != "mms":
            # Of a capped rate the day's rest may be free.
            self._is_held(client)

    def _is_held(self, client):
        """What was granted just now can be paid for by what is held, and the fraction that is carried."""
        held = self._value(dict(self._holds(client.id)))
        needed = price(client.service, client.used + client.granted) - price(client.service, client.used)
        assert held > needed - 1, client

    def _value(self, amounts) -> Fraction:
        """What pays, in money: allowances at the price of what they replace, which need be no whole minor unit."""
        return amounts.get("PHP", 0) + Fraction(amounts.get("DATA", 0) * 5, STEP)

    def _rows(self, statement, *values):
        async def ask():
            return await (await self.connection.execute(statement, values)).fetchall()

        return self.runner.run(ask())

    def _holds(self, session_id):
        return self._rows(
            "SELECT asset, sum(amount - settled)::bigint FROM ledger.holds"
            " WHERE state = 'open' AND reference = %s GROUP BY asset",
            session_id,
        )

    @invariant()
    def what_a_line_has_is_what_it_was_given_less_what_was_paid(self):
        if not hasattr(self, "connection"):
            return
        paid: Counter = Counter()
        for client in self.clients:
            for cost in client.said["cost"]:
                paid[client.number, cost["asset"]] += cost["amount"]
        for number, line in self.lines.items():
            stored = dict(
                self._rows(
                    "SELECT asset, sum(balance)::bigint FROM ledger.buckets WHERE line_id = %s GROUP BY asset", line.id
                )
            )
            for asset in ("PHP", "DATA"):
                assert stored.get(asset, 0) == self.given[number, asset] - paid[number, asset]

    @invariant()
    def whatever_was_counted_is_paid_for_or_on_record(self):
        for client in self.clients:
            paid = self._value({cost["asset"]: cost["amount"] for cost in client.said["cost"]})
            owed = price(client.service, client.used)
            if client.service == "mms":
                assert paid + client.said["unpaid_minor"] <= owed
                figures["free above the cap"] += paid + client.said["unpaid_minor"] < owed
            else:
                # Less than a minor unit is carried until the end, and rounded up there.
                assert abs(paid + client.said["unpaid_minor"] - owed) < 1, client
            assert not client.said["unpaid_minor"] or client.over or client.service == "data"

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
                    [answer] = self._ask([self._reporting(client, 0, None, closing=True)])
                    self._hear(client, answer and self._reporting(client, 0, None, closing=True), answer)
            self.whatever_was_counted_is_paid_for_or_on_record()
            assert self._rows("SELECT id FROM ledger.holds WHERE state = 'open'") == []
            kept = self._rows("SELECT sum(quantity)::bigint FROM charging.usage_records")
            assert (kept[0][0] or 0) == sum(client.used for client in self.clients)
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
        max_examples=1000 if SOAK else 25,
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
