"""G11 for lines that live by time: topup is killed with -9 at every labelled point of looking after them, telling them
and taking new rules over, while fees come due and states end. It comes to what the same lines come to without a kill.
"""

import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.chaos import Topup
from tests.support.database import settings_for
from tests.support.labels import line_labels
from tests.support.lines import LANES, Village
from tests.support.nursery import nursery
from tests.support.simulators import until
from topup.catalogue.checking import check_bytes
from topup.catalogue.operations import AlreadyPublished, publish
from topup.catalogue.queries import CatalogueCache, Snapshot
from topup.kernel.outcome import Done, Outcome
from topup.ledger.audit import audit
from topup.lines.reminding import Reminding
from topup.lines.tasks import LifeCycles
from topup.notifications.ports import OutgoingMessage
from topup.notifications.tasks import send_due
from topup.platform.database import Database
from topup.platform.keys import KeyRing

pytestmark = [pytest.mark.chaos, pytest.mark.xdist_group("chaos-1")]

PATIENCE_S = 60.0
STEP = timedelta(days=5)
YOUNG = 4
BORN = 6
"""Lines that are opened at each step."""
FILE = """
id = "brief"
names = { zh_Hans = "短", zh_Hant = "短", en = "Brief" }
country = "KY"
time_zone = "America/Cayman"
currency = "KYD"
network = "own"

[numbering]
ranges = ["+1345916"]
quarantine_days = 10

[credit]
face_values = [5]
validity = { rule = "never" }

[monthly_fee]
amount = FEE
day = 1
arrears = true

[clocks.credit]
days = 30
restarts = ["activation", "topup"]

[[life_cycle.states]]
id = "active"
shows = "active"
remind_days = [11, 6, 1]
leave = [{ when = "clock", clock = "credit", to = "frozen" }]

[[life_cycle.states]]
id = "frozen"
shows = "one_way_blocked"
blocks = ["voice_out", "data"]
remind_days = [6]
on_entry = { freeze = ["main"] }
on_topup = { restore = ["main"] }
leave = [{ when = "topup", to = "active" }, { when = "days", days = 14, to = "recycled" }]

[[life_cycle.states]]
id = "recycled"
shows = "recycled"
blocks = ["voice_out", "voice_in", "sms_out", "sms_in", "data", "topup"]
on_entry = { forfeit = ["all"], close_line = true, release_number = true }
"""
_DUE = """
SELECT (SELECT count(*) FROM lines.lines WHERE next_at <= now() + '{0} s')
    + (SELECT count(*) FROM lines.reminders WHERE tell_at <= now() + '{0} s')
    + (SELECT count(*) FROM notifications.messages WHERE send_at IS NOT NULL AND template LIKE 'line%')
    + (SELECT count(DISTINCT rules) - 1 FROM lines.lines WHERE carrier_id = 'brief' AND status <> 'closed')
"""
_LINES = "(SELECT n.lane, n.line_id, n.msisdn FROM lines.numbers AS n WHERE n.msisdn LIKE '+1345916%') AS n"
_BOOKS = {
    "lives": f"""
        SELECT n.msisdn, l.state, l.state_since, l.status, l.closed_at, l.arrears_minor, l.fee_at,
            l.clocks::text, l.rules
        FROM {_LINES} JOIN lines.lines AS l ON l.lane = n.lane AND l.id = n.line_id
    """,
    "changes": f"""
        SELECT n.msisdn, c.at, c.left_state, c.entered, c.reason
        FROM {_LINES} JOIN lines.changes AS c ON c.lane = n.lane AND c.line_id = n.line_id
    """,
    "reminders": f"""
        SELECT n.msisdn, r.due, r.days, r.entering, r.tell_at IS NULL, r.told_at IS NOT NULL
        FROM {_LINES} JOIN lines.reminders AS r ON r.lane = n.lane AND r.line_id = n.line_id
    """,
    "moved": f"""
        SELECT n.msisdn, t.purpose, t.amount, CASE WHEN t.purpose = 'monthly_fee' THEN right(t.key, 25) END
        FROM {_LINES} JOIN ledger.transfers AS t ON t.lane = n.lane AND t.line_id = n.line_id
    """,
    "numbers": "SELECT msisdn, until IS NULL FROM lines.numbers WHERE msisdn LIKE '+1345916%'",
}


class Phones:
    """Keeps what was sent."""

    name = "phones"

    def __init__(self) -> None:
        self.got: list[tuple[str, str]] = []

    async def send(self, message: OutgoingMessage) -> Outcome:
        self.got.append((message.address, message.body))
        return Done(message.message_id)

    async def aclose(self) -> None:
        """Nothing is open."""


@dataclass
class Country:
    """A database in which lines are born at noon of certain days, by the rules of that day."""

    database: Database

    async def step(self, at: datetime, number: int, *, fee: int) -> None:
        """Publish what holds from now on, and open the lines of this step: with nothing, little, and enough."""
        async with self.database.transaction() as transaction:
            file = check_bytes(FILE.replace("FEE", str(fee)).encode(), name="brief.toml")
            with contextlib.suppress(AlreadyPublished):
                await publish(transaction.connection, file, transaction.now)
            village = Village(self.database, await Snapshot.load(transaction.connection))
        numbers = [f"+1345916{number * BORN + n:04}" for n in range(BORN)]
        for line, amount in zip(
            await village.opened("brief", *numbers, at=at), (0, 500, 900, 2500, 10_000, 0), strict=True
        ):
            if amount:
                await village.credits(line, amount, at=at)

    async def books(self) -> dict[str, Counter]:
        """What came of the lines, whatever their ids are."""
        async with self.database.read() as transaction:
            assert (await audit(transaction.connection)).sound
            found = {}
            for name, query in _BOOKS.items():
                cursor = await transaction.connection.execute(query)
                found[name] = Counter(await cursor.fetchall())
            return found


@contextlib.asynccontextmanager
async def country(url: str) -> AsyncIterator[Country]:
    async with Database.open(settings=settings_for(url), migrating=False) as database:
        yield Country(database)


@pytest.fixture
def other_url(postgres) -> Iterator[str]:
    name = postgres.clone()
    yield postgres.url(name)
    postgres.drop(name)


def noon() -> datetime:
    """The next noon in the Cayman Islands, which keep one offset all year."""
    return datetime.now(UTC).replace(hour=17, minute=0, second=0, microsecond=0) + timedelta(days=1)


def steps_of(labels: list[str]) -> list[tuple[str | None, int]]:
    """The label of each step, and the fee from then on: who is to take rules over must be given others.

    Nobody is killed in the first ones: so young a line has nothing to be told.
    """
    fees = iter(range(9, 99))
    fee, days = 8, [(None, 8)] * YOUNG
    for label in labels:
        fee = next(fees) if "adopt" in label else fee
        days.append((label, fee))
    return days


async def all_done(topup: Topup, offset: str) -> None:
    """Nothing is due any more."""
    due = _DUE.format(offset)
    await until(lambda: topup.value(due), lambda left: left == 0, patience_s=PATIENCE_S)


def letters(topup: Topup) -> Counter:
    files = (topup.data_dir / "mailbox").glob("msg_*.json")
    found = [json.loads(file.read_text("utf-8")) for file in files]
    return Counter((letter["address"], letter["body"]) for letter in found if letter["address"].startswith("tel:"))


async def undisturbed(url: str, steps: list[tuple[str | None, int]], start: datetime, folder) -> tuple[dict, Counter]:
    """What the same lines come to where nothing is ever killed."""
    async with country(url) as place:
        database, keys, phones = place.database, KeyRing(folder / "keys"), Phones()
        lives = LifeCycles(database=database, catalogue=CatalogueCache(), lanes=LANES)
        reminding = Reminding(database=database, catalogue=CatalogueCache(), keyring=keys, lanes=LANES)
        for number, (_, fee) in enumerate(steps):
            at = start + number * STEP
            async with database.read() as transaction:
                database.clock_offset += at - transaction.now
            await place.step(at, number, fee=fee)
            while await lives.live() + await reminding.remind() + await send_due(database, keys, phones):
                pass
        return await place.books(), Counter(phones.got)


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("rounds", [2, pytest.param(8, marks=pytest.mark.soak)])
async def test_a_kill_while_lines_are_looked_after_changes_nothing_of_what_they_come_to(
    topup, other_url, tmp_path, figures, rounds
):
    labels = line_labels()
    assert len(labels) == 6
    steps = steps_of(labels * rounds)
    start = noon()
    wanted, told = await undisturbed(other_url, steps, start, tmp_path)
    await topup.start()
    await topup.kill()
    async with country(topup.database) as place, nursery() as starts:
        for number, (label, fee) in enumerate(steps):
            at = start + number * STEP
            await place.step(at, number, fee=fee)
            topup.settings["TOPUP_CLOCK_OFFSET_S"] = offset = str((at - datetime.now(UTC)).total_seconds())
            if label:
                await topup.start(crash_at=label, from_=starts)
                assert await topup.killed(within_s=PATIENCE_S), f"{label} was not passed: {topup.said()}"
            await topup.start(from_=starts)
            await all_done(topup, offset)
            await topup.kill()
        came_to = await place.books()
    for name, found in came_to.items():
        assert found == wanted[name], name
    assert letters(topup) == told
    assert {purpose for _, purpose, *_ in wanted["moved"]} >= {"monthly_fee", "freeze", "forfeit", "grant"}
    assert told.total() == sum(count for (*_, was_told), count in wanted["reminders"].items() if was_told) > len(steps)
    figures(
        "G11",
        of="lines",
        kills=len(labels) * rounds,
        lines=len(steps) * BORN,
        changes=wanted["changes"].total(),
        wrong=0,
    )
