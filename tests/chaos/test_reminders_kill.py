"""G11 for reminders: topup is killed with -9 at every labelled point of hearing what came about, of sending it, of
forgetting it, and while its reader reads or stops it. Each cause is a notice once, and by mail once.
"""

import contextlib
import itertools
import json
from collections import Counter
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.support.database import settings_for
from tests.support.households import Households
from tests.support.labels import reminder_labels
from tests.support.nursery import nursery
from tests.support.simulators import until
from topup.care.reminders.stopping import Stops
from topup.catalogue.queries import Snapshot
from topup.charging.usage.events import Event, tell
from topup.kernel.ids import new_id
from topup.kernel.money import Money
from topup.kernel.msisdn import parse_msisdn
from topup.lines.operations import open_lines
from topup.orders.hearing import note
from topup.people.subscribers import devices
from topup.people.subscribers.devices import Browser
from topup.people.subscribers.reminders import Reminders, Subject, Way
from topup.platform.database import Database
from topup.platform.i18n import format_money
from topup.platform.keys import KeyRing

pytestmark = [pytest.mark.chaos, pytest.mark.xdist_group("chaos-1")]

PATIENCE_S = 60.0
NUMBER = "+8613800138123"
ADDRESS = "person@example.com"
YEAR = 2026
_ORDER = """
INSERT INTO orders.orders (lane, id, quote_id, msisdn, carrier_id, currency, face_minor, state, state_since, steps,
    created_at, expires_at, locale, channel, payer_id)
VALUES (%(lane)s, %(id)s, %(id)s, %(msisdn)s, %(carrier)s, 'CNY', %(minor)s, 'delivered', now(), 1, now(), now(), 'en',
    'test', %(payer)s)
"""
_COUNTER = """
INSERT INTO orders.receipt_counters AS c (lane, year, last) VALUES (%(lane)s, %(year)s, 1)
ON CONFLICT (lane, year) DO UPDATE SET last = c.last + 1 RETURNING last
"""
_RECEIPT = """
INSERT INTO orders.receipts (lane, order_id, year, number, issued_at, body, kid, signature)
VALUES (%(lane)s, %(id)s, %(year)s, %(number)s, now(), '', %(kid)s, %(signature)s)
"""
_OLD = """
INSERT INTO notifications.notices
    (lane, reader, id, cause, kind, template, parameters, zone, urgent, not_by, written_at)
VALUES (%(lane)s, %(reader)s, %(id)s, %(id)s, 'low', 'used_up', '{"number": "", "what": ""}', 'UTC', FALSE, '{}',
    now() - interval '500 days')
"""
_LEFT = """
SELECT (SELECT count(*) FROM charging.usage_events WHERE NOT heard) + (SELECT count(*) FROM orders.news WHERE NOT heard)
    + (SELECT count(*) FROM notifications.notices WHERE send_at IS NOT NULL OR written_at < now() - interval '400 days')
    + (SELECT count(*) FROM notifications.messages WHERE send_at IS NOT NULL)
    + (SELECT count(*) FROM orders.receipt_counters AS c LEFT JOIN orders.receipts_heard AS h USING (lane, year)
       WHERE h.number IS DISTINCT FROM c.last)
"""
_GATHERED = "UPDATE notifications.notices SET send_at = now() WHERE send_at IS NOT NULL"


@contextlib.asynccontextmanager
async def opened(topup) -> AsyncIterator[Database]:
    async with Database.open(settings=settings_for(topup.database), migrating=False) as database:
        yield database


class Home:
    """Somebody with a line, and what comes about there: everything of an amount of its own, to be known by."""

    def __init__(self, topup, keyring, line, *, carrier, reader, session):
        self._topup, self._keyring, self._line, self._carrier = topup, keyring, line, carrier
        self.reader, self.session = reader, session
        self.stop = Stops(keyring, public_url="").url(subscriber_id=reader, subjects=[Subject.FAILED])
        self._minors = itertools.count(1_01)
        self.expected: list[str] = []

    @classmethod
    async def of(cls, topup):
        keyring, msisdn = KeyRing(topup.data_dir / "keys"), parse_msisdn(NUMBER)
        async with opened(topup) as database:
            async with database.transaction() as transaction:
                connection, now = transaction.connection, transaction.now
                snapshot = await Snapshot.load(connection)
                carrier = snapshot.carrier_of(NUMBER)
                wanted = [(msisdn, carrier.carrier_id, carrier.document.time_zone)]
                lines = await open_lines(connection, wanted, now, lanes=16, snapshot=snapshot)
            chosen = Reminders(dict.fromkeys(Subject, frozenset({Way.MAIL})), 0, 0)
            households = Households(database, keyring)
            reader = await households.moves_in(NUMBER, lines[NUMBER], email=ADDRESS, reminders=chosen)
            async with database.transaction() as transaction:
                browser = Browser(mark="", before="", name="chrome.android", locale="en", elder=False)
                begun = await devices.begin(
                    transaction.connection, subscriber_id=reader, browser=browser, door="code", now=transaction.now
                )
        return cls(topup, keyring, lines[NUMBER], carrier=carrier.carrier_id, reader=reader, session=begun.token)

    def _amount(self) -> int:
        minor = next(self._minors)
        self.expected.append(format_money(Money(minor, "CNY"), "en"))
        return minor

    async def something_happens(self) -> None:
        """Little is left, a top-up arrives, money goes back; and something is very old."""
        lane, (low, bought, back) = self._line.lane, (self._amount() for _ in range(3))
        order = new_id("order", lane)
        facts = {"lane": lane, "id": order, "msisdn": NUMBER, "carrier": self._carrier, "payer": self.reader}
        old = {"lane": 3, "reader": self.reader, "id": new_id("notice", 3)}
        async with opened(self._topup) as database, database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            event = Event(self._line, "low", order, {"asset": "CNY", "left": low, "mark": 1000})
            await tell(connection, [event], now)
            await connection.execute(_ORDER, {**facts, "minor": bought})
            row = await (await connection.execute(_COUNTER, {"lane": lane, "year": YEAR})).fetchone()
            kid, signature = self._keyring.sign("receipts", b"")
            numbered = {"year": YEAR, "number": row[0], "kid": kid, "signature": signature}
            await connection.execute(_RECEIPT, {**facts, **numbered})
            await note(connection, [(lane, order, "refunded", "once", back, "CNY")], now)
            await connection.execute(_OLD, old)

    async def reads_and_stops(self) -> None:
        """As somebody does in a browser; where topup dies of it nothing comes back."""
        async with httpx.AsyncClient(
            base_url=self._topup.url, trust_env=False, cookies={"here": self.session}
        ) as client:
            for ask in (client.get("/account/messages"), client.post(self.stop)):
                with contextlib.suppress(httpx.TransportError):
                    assert (await ask).status_code == 200

    def letters(self) -> list[str]:
        files = (self._topup.data_dir / "mailbox").glob("msg_*.json")
        return [json.loads(file.read_text("utf-8"))["body"] for file in files]


@pytest.mark.timeout(900)
async def test_a_kill_at_any_step_of_reminding_is_survived(topup, figures):
    labels = reminder_labels()
    assert len(labels) == 14
    await topup.start()
    home = await Home.of(topup)
    await topup.kill()
    async with nursery() as starts:
        for label in labels:
            await home.something_happens()
            await topup.sql(_GATHERED)
            if await topup.start(crash_at=label, from_=starts):
                # What is read and stopped dies of its reader; what hears and sends, by itself.
                await home.reads_and_stops()
                assert await topup.killed(within_s=PATIENCE_S), f"{label} was not passed: {topup.said()}"
            await topup.sql(_GATHERED)
            await topup.time_passes_while_dead()
        await topup.start(from_=starts)
        await home.reads_and_stops()

        async def left() -> int:
            await topup.sql(_GATHERED)
            return await topup.value(_LEFT)

        await until(left, lambda count: count == 0, patience_s=PATIENCE_S)
    notices = await topup.value("SELECT count(*) FROM notifications.notices")
    assert notices == len(home.expected)
    told = Counter({amount: sum(body.count(amount) for body in home.letters()) for amount in home.expected})
    wrong = {amount: count for amount, count in told.items() if count != 1}
    assert wrong == {}
    figures("G11", of="reminders", labels_hit=len(labels), causes=len(home.expected), told_twice=0, untold=0)
