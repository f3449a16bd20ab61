"""How a line stands and what will become of it: its status and why, what to do and by when, each date with its reason.

All instants are UTC; the days they fall on are those of the line's own zone, which comes along.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from topup.catalogue.life_cycle import forecast, shown_as
from topup.catalogue.life_cycle_rules import Blockable, Exit, Shows, TermTier
from topup.catalogue.line_facts import Change, LineFacts
from topup.catalogue.queries import Snapshot
from topup.catalogue.terms import end_in_state
from topup.kernel.errors import NotFound
from topup.kernel.money import Money
from topup.kernel.msisdn import Msisdn
from topup.ledger.queries import buckets
from topup.lines.course import facts_of, zone_of
from topup.lines.lives import Life, seen
from topup.lines.queries import blocks_of, lines_now
from topup.lines.rules import Ruling, ruling_of
from topup.platform.database import Connection

_BY_DOING: Final = frozenset({"topup", "credit_back", "activity"})

Status = Shows | Literal["barred"]
_CAME_BY: Final = """
SELECT left_state, reason FROM lines.changes
WHERE lane = %s AND line_id = %s AND entered = %s
ORDER BY sequence DESC LIMIT 1
"""
_KIND: Final = "SELECT kind FROM lines.lines WHERE lane = %s AND id = %s"


@dataclass(frozen=True, slots=True)
class ToDo:
    """What keeps a line as it is, or brings it back, and by when (None: at any time).

    `topup`: of at least `least` (None: of any amount); `use`: something that is charged for; `pay`: what is owed, by
    topping up `least`.
    """

    what: Literal["topup", "use", "pay"]
    least: Money | None
    by: datetime | None


@dataclass(frozen=True, slots=True)
class LineForecast:
    """A line today, and what comes if nobody uses it or tops it up.

    `status` is what it is called before people, `state` what its carrier's file calls it; `reason` is what brought it
    there (None: it began so, or by a file that is no more). `released_on` is when its number becomes free for somebody
    else (None: not foreseen).
    """

    msisdn: Msisdn
    line_id: str
    carrier_id: str
    carrier_names: Mapping[str, str]
    kind: str
    status: Status
    state: str
    since: datetime
    reason: Exit | None
    blocks: tuple[Blockable, ...]
    to_do: tuple[ToDo, ...]
    to_come: tuple[Change, ...]
    released_on: datetime | None
    clocks: Mapping[str, datetime]
    arrears: Money
    next_fee_at: datetime | None
    zone: str


async def forecast_of(connection: Connection, msisdn: Msisdn, snapshot: Snapshot, now: datetime) -> LineForecast:
    """The line that has this number today; raises NotFound `line_unknown`, also for one whose number waits."""
    line = (await lines_now(connection, [msisdn.e164])).get(msisdn.e164)
    carrier = snapshot.carrier(line.carrier_id) if line else None
    if line is None or carrier is None or line.status == "closed":
        raise NotFound("line_unknown")
    place = (line.ref.lane, str(line.ref.id))
    life = (await seen(connection, [place]))[line.ref.id]
    held = (await buckets(connection, [line.ref.id])).get(line.ref.id, [])
    kind = await (await connection.execute(_KIND, place)).fetchone()
    came_by = await (await connection.execute(_CAME_BY, (*place, life.state))).fetchone()
    ruling = ruling_of(carrier)
    facts = facts_of(life, ruling, held, now)
    state = ruling.rules.state(life.state)
    to_come = forecast(ruling.rules, facts, now=now, zone=zone_of(life.zone)) if ruling.lives else ()
    shows = shown_as(ruling.rules, facts, now=now, zone=zone_of(life.zone))
    return LineForecast(
        msisdn=msisdn,
        line_id=line.ref.id,
        carrier_id=carrier.carrier_id,
        carrier_names=carrier.document.names,
        kind=str(kind[0]) if kind else "physical",
        status="barred" if line.status == "barred" else shows,
        state=life.state,
        since=life.state_since,
        reason=_way(ruling, came_by[0], came_by[1], life.state) if came_by else None,
        blocks=blocks_of(line, snapshot),
        to_do=what_to_do(facts, ruling, *((to_come[0].exit, to_come[0].at) if to_come else ())),
        to_come=to_come,
        released_on=released_on(to_come, ruling, life),
        clocks=facts.clocks,
        arrears=Money(life.arrears_minor, ruling.currency),
        next_fee_at=life.fee_at if state.charges_fee else None,
        zone=life.zone,
    )


def _way(ruling: Ruling, left: str, when: str, entered: str) -> Exit | None:
    state = ruling.rules.states.get(left)
    exits = state.exits if state else ()
    return next((way for way in exits if (way.when, way.to) == (when, entered)), None)


def released_on(to_come: tuple[Change, ...], ruling: Ruling, life: Life) -> datetime | None:
    """When a number becomes free for somebody else by what is to come of its line; None: not foreseen."""
    released = next((change.at for change in to_come if change.releases_number), None)
    if released is None or ruling.quarantine is None:
        return released
    return end_in_state(ruling.quarantine, zone_of(life.zone), released)


def what_to_do(
    facts: LineFacts, ruling: Ruling, way: Exit | None = None, by: datetime | None = None
) -> tuple[ToDo, ...]:
    """What keeps a line from leaving its state by `way`, which opens at `by`, or leads out of it otherwise."""
    state = ruling.rules.state(facts.state)
    found: list[ToDo] = []
    if facts.arrears_minor > 0:
        found.append(ToDo("pay", Money(facts.arrears_minor, ruling.currency), by))
    if way is not None and way.when == "clock":
        clock = ruling.rules.clocks[str(way.clock)]
        for restart in clock.restarts:
            if restart.on == "topup":
                found.append(_topup(max(restart.least_minor, _first_tier(restart.tiers)), ruling, by))
            elif restart.on == "activity":
                found.append(ToDo("use", None, by))
    if way is not None and way.when in {"credit_gone", "credit_expired", "credit_used_up"}:
        found.append(_topup(0, ruling, by))
    found += [_by_exit(other, ruling, by) for other in state.exits if other.when in _BY_DOING]
    unique = tuple(dict.fromkeys(found))
    return tuple(one for one in unique if one.what == "use" or "topup" not in state.blocks)


def _by_exit(way: Exit, ruling: Ruling, by: datetime | None) -> ToDo:
    return ToDo("use", None, by) if way.when == "activity" else _topup(way.least_minor, ruling, by)


def _topup(least_minor: int, ruling: Ruling, by: datetime | None) -> ToDo:
    return ToDo("topup", Money(least_minor, ruling.currency) if least_minor else None, by)


def _first_tier(tiers: tuple[TermTier, ...]) -> int:
    return min((tier.from_minor for tier in tiers), default=0)
