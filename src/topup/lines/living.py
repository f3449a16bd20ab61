"""Looking after lines: what time and what happens to them make of their lives, many at once in one transaction.

A line's row is locked first and its money read after; then all is worked out in memory, the ledger is posted and what
became of the lines is written down. So whatever happens to a line happens once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

import structlog

from topup.catalogue.life_cycle_rules import StateUnknown
from topup.catalogue.line_facts import Event, Portion
from topup.catalogue.queries import Snapshot
from topup.ledger import Debit, Item, PostingRefused, post
from topup.ledger.queries import buckets
from topup.lines import lives
from topup.lines.course import Course
from topup.lines.lives import Life
from topup.lines.plans.rows import wake
from topup.lines.queries import LineRef
from topup.lines.rules import Ruling, rulings
from topup.platform.database import Connection

_TRIES: Final = 3

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Happened:
    """What happened to a line beside a top-up.

    - `activity`: something that was charged for; once a day of the line is enough, and more often costs little;
    - `funds`: its money changed: was used up, expired, came in another way, was held or owed.
    """

    line: LineRef
    on: Literal["activity", "funds"]


async def happen(
    connection: Connection, items: Sequence[Happened], now: datetime, *, snapshot: Snapshot
) -> dict[str, str]:
    """Take in what happened, after what the ledger has of it. Gives the state each living line is in now, by its id.

    Lines of a carrier whose file says nothing of a life are passed over. It posts to the ledger: make it the last.
    """
    events = {
        (item.line.lane, str(item.line.id)): item.on for item in sorted(items, key=lambda item: item.on, reverse=True)
    }
    known = rulings(snapshot)
    found = [life for life in (await lives.locked(connection, events)).values() if _lives(life, known)]
    funded = [life for life in found if events[life.lane, life.id] == "funds" and known[life.carrier_id].has_plans]
    await wake(connection, [LineRef(life.lane, life.id) for life in funded], now)
    active = frozenset(life.id for life in found if events[life.lane, life.id] == "activity")
    done = await _live(connection, found, now, known, active=active)
    return {identifier: course.facts.state for identifier, course in done.items()}


async def look_after(connection: Connection, now: datetime, *, lane: int, snapshot: Snapshot, limit: int) -> int:
    """Let happen what is due on at most `limit` lines of a lane; how many that were. Repeating it changes nothing."""
    known = rulings(snapshot)
    found = await lives.due(connection, lane=lane, now=now, limit=limit)
    done = await _live(connection, [life for life in found if _lives(life, known)], now, known)
    await lives.rest(connection, [life for life in found if life.id not in done], now)
    return len(found)


def _lives(life: Life, known: Mapping[str, Ruling]) -> bool:
    ruling = known.get(life.carrier_id)
    return ruling is not None and ruling.lives


async def _live(
    connection: Connection,
    found: Sequence[Life],
    now: datetime,
    known: Mapping[str, Ruling],
    *,
    active: frozenset[str] = frozenset(),
) -> dict[str, Course]:
    """Work the lives of locked lines out, post, and write down. A line in a state its file lacks is left out."""
    courses: dict[str, Course] = {}
    left = list(found)
    for _ in range(_TRIES):
        tried = await _work_out(connection, left, now, known, active=active)
        refused = await _post(connection, tried, now)
        courses |= {identifier: course for identifier, course in tried.items() if identifier not in refused}
        # Money went between our reading and our posting. The lane is ours since then: what is read now holds.
        left = [life for life in left if life.id in refused]
        if not left:
            break
    else:
        raise RuntimeError("the ledger has less than it says it has")
    await lives.save(connection, [course.lived() for course in courses.values()], now)
    return courses


async def _work_out(
    connection: Connection,
    found: Sequence[Life],
    now: datetime,
    known: Mapping[str, Ruling],
    *,
    active: frozenset[str] = frozenset(),
    charging: bool = True,
) -> dict[str, Course]:
    held = await buckets(connection, [life.id for life in found]) if found else {}
    courses = {}
    for life in found:
        course = Course(life, known[life.carrier_id], held.get(life.id, ()), now)
        try:
            course.pass_time(charging=charging)
            if life.id in active:
                course.meet(Event("activity"))
        except StateUnknown:
            # Publishing refuses a file that forgets a state lines may be in: this is a defect, and only this line's.
            _log.exception("line_state_unknown", line=life.id, state=life.state)
            continue
        courses[str(life.id)] = course
    return courses


async def _post(connection: Connection, courses: Mapping[str, Course], now: datetime) -> set[str]:
    """Post what follows; gives the lines whose fee could not be taken after all. What else is refused is done later."""
    items = [item for course in courses.values() for item in course.items()]
    refused = set()
    for item, answer in zip(items, await post(connection, items, now), strict=True):
        if isinstance(answer, PostingRefused):
            if isinstance(item, Debit):
                refused.add(str(item.line_id))
            else:
                _log.info("line_effect_postponed", line=item.reference, purpose=item.purpose, code=answer.code)
    return refused


class ToppingUp:
    """Top-ups of lines that are about to be credited in this transaction: their lives go on before their credit comes.

    `open` locks the lines; `take` says whether one can be topped up, and lets it live on; `items` are to be posted
    before the credits, and may be refused; `write` writes down what became of them; `pay_arrears` comes last of all.
    """

    def __init__(self, courses: Mapping[str, Course], now: datetime, snapshot: Snapshot) -> None:
        self._courses = courses
        self._taken: dict[str, Course] = {}
        self._now = now
        self._snapshot = snapshot

    @classmethod
    async def open(
        cls, connection: Connection, lines: Sequence[LineRef], now: datetime, *, snapshot: Snapshot
    ) -> "ToppingUp":
        """Lock those of `lines` that live, and see how they are."""
        known = rulings(snapshot)
        found = await lives.locked(connection, [(line.lane, str(line.id)) for line in lines])
        living = [life for life in found.values() if _lives(life, known)]
        # What is debited could be refused, and then what we wrote would not be so: the next look takes fees.
        return cls(await _work_out(connection, living, now, known, charging=False), now, snapshot)

    def take(self, line_id: str, *, amount_minor: int, plain: bool, brings: Sequence[Portion]) -> bool:
        """A top-up of `amount_minor` (the face value, or the pack's price), `plain` where it was plain credit.

        `brings` is the money it brings. False: the line can take none any more, and nothing of this has happened.
        """
        course = self._courses.get(line_id)
        if course is None:
            return True
        if not course.takes_topups:
            return False
        course.meet(Event("topup", amount_minor=amount_minor, plain=plain, funds=tuple(brings)))
        self._taken[line_id] = course
        return True

    def items(self) -> list[Item]:
        """What the top-ups restore and forfeit."""
        return [item for course in self._taken.values() for item in course.items()]

    async def write(self, connection: Connection) -> None:
        """Write down what became of the lines that were topped up, and have plans that wait for credit looked at."""
        await lives.save(connection, [course.lived() for course in self._taken.values()], self._now)
        await wake(connection, [one.line for one in self._taken.values() if one.may_have_plan], self._now)

    async def pay_arrears(self, connection: Connection) -> None:
        """Take what the lines owe of what they were just given, after their credits are posted and before anyone can
        spend them.
        """
        owing = [Happened(course.line, "funds") for course in self._taken.values() if course.facts.arrears_minor]
        if owing:
            await happen(connection, owing, self._now, snapshot=self._snapshot)
