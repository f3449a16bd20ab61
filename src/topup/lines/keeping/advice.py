"""What to tell whoever wants to keep a line's number: how long it lives, what to top up and by when, what counts."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal

from topup.catalogue.life_cycle_rules import Exit, LineRules, Restart
from topup.catalogue.queries import Snapshot
from topup.catalogue.versions import CarrierVersion
from topup.kernel.errors import NotFound
from topup.kernel.money import Money
from topup.kernel.msisdn import Msisdn
from topup.ledger.queries import buckets
from topup.lines.course import facts_of, zone_of
from topup.lines.forecasts import released_on
from topup.lines.keeping.kept import Kept, PlanKeeps, Runway
from topup.lines.keeping.renewals import renewing_of
from topup.lines.keeping.rows import Keeping, cheapest, not_before
from topup.lines.lives import Life, seen
from topup.lines.plans.rows import plans_of
from topup.lines.queries import lines_now
from topup.lines.rules import ruling_of
from topup.platform.database import Connection

_ON_CREDIT: Final = frozenset({"credit_gone", "credit_expired", "credit_used_up"})
_ON_FEE: Final = frozenset({"arrears", "fee_missed"})

What = Literal["topup", "topup_plain", "use", "credit", "fee", "pack"]


@dataclass(frozen=True, slots=True)
class Counts:
    """Something that keeps a number, or does not.

    `topup`: of at least `amount` (None: any); `topup_plain`: likewise, of plain credit; `use`: something that is
    charged for; `credit`: having some that has not ended; `fee`: the monthly one of `amount`, paid; `pack`: buying one.
    """

    what: What
    amount: Money | None = None


@dataclass(frozen=True, slots=True)
class Advice:
    """All of it for a line, until the end of the day `until` in the line's `zone`.

    `released_on`: when somebody else may get the number if nothing is done; `least`: the smallest top-up now that keeps
    it (None: no single one); `row`: the cheapest top-ups that do (None: none found); `first_leads_to`: when the number
    is lost if its first is made now, and nothing more (None: not foreseen); `not_before`: the day from which on its
    only one does (None: it is of several); `keeps`, `keeps_not`: what counts.
    """

    msisdn: Msisdn
    line_id: str
    carrier_id: str
    carrier_names: Mapping[str, str]
    currency: str
    zone: str
    now: datetime
    until: date
    runway: Runway
    released_on: datetime | None
    least: Money | None
    row: Keeping | None
    first_leads_to: datetime | None
    not_before: date | None
    plans: tuple[PlanKeeps, ...]
    keeps: tuple[Counts, ...]
    keeps_not: tuple[Counts, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A line whose number is to be kept, as it was read."""

    msisdn: Msisdn
    life: Life
    kept: Kept


async def line_to_keep(connection: Connection, msisdn: Msisdn, snapshot: Snapshot, now: datetime) -> Line:
    """The line that has this number today; raises NotFound `line_unknown`, also for one whose number waits."""
    line = (await lines_now(connection, [msisdn.e164])).get(msisdn.e164)
    carrier = snapshot.carrier(line.carrier_id) if line else None
    if line is None or carrier is None or line.status == "closed":
        raise NotFound("line_unknown")
    life = (await seen(connection, [(line.ref.lane, str(line.ref.id))]))[line.ref.id]
    held = (await buckets(connection, [line.ref.id])).get(line.ref.id, [])
    facts = facts_of(life, ruling_of(carrier), held, now)
    plan = (await plans_of(connection, [line.ref])).get(line.ref.id) if carrier.plans else None
    return Line(msisdn, life, Kept(carrier, facts, now, zone_of(life.zone), renewing_of(plan, carrier)))


async def advise(line: Line, until: date | None) -> Advice:
    """What to tell. Worked out beside everything else: long rows take a moment. Raises TooFar for the day."""
    return await asyncio.to_thread(_advice, line, until)


def _advice(line: Line, until: date | None) -> Advice:
    kept, carrier = line.kept, line.kept.carrier
    day = until or kept.a_year_on
    end, runway = kept.until(day), kept.runway()
    keeps, keeps_not = what_counts(carrier)
    row = cheapest(kept, end)
    first = row.top_ups[0] if row and row.top_ups else None
    return Advice(
        msisdn=line.msisdn,
        line_id=line.life.id,
        carrier_id=carrier.carrier_id,
        carrier_names=carrier.document.names,
        currency=carrier.currency,
        zone=line.life.zone,
        now=kept.now,
        until=day,
        runway=runway,
        released_on=released_on(runway.to_come, ruling_of(carrier), line.life),
        least=kept.least(end),
        row=row,
        first_leads_to=kept.leads_to(first.amount.amount_minor) if first else None,
        not_before=not_before(kept, row, end) if row else None,
        plans=kept.plans(end),
        keeps=keeps,
        keeps_not=keeps_not,
    )


def what_counts(carrier: CarrierVersion) -> tuple[tuple[Counts, ...], tuple[Counts, ...]]:
    """What keeps a carrier's numbers by its file, and what does not though one might think so."""
    rules = carrier.line_rules
    exits = [way for state in rules.states.values() for way in state.exits]
    restarts = _restarts(rules, exits)
    keeps = [_topup(restart, carrier) for restart in restarts if restart.on == "topup"]
    keeps += [Counts("use")] if any(restart.on == "activity" for restart in restarts) else []
    keeps += [Counts("credit")] if any(way.when in _ON_CREDIT for way in exits) else []
    if rules.fee is not None and any(way.when in _ON_FEE for way in exits):
        keeps.append(Counts("fee", Money(rules.fee.amount_minor, carrier.currency)))
    said = {one.what for one in keeps}
    keeps_not = [Counts("use")] if keeps and "use" not in said else []
    keeps_not += [Counts("pack")] if "topup_plain" in said and "topup" not in said and carrier.packs else []
    return tuple(dict.fromkeys(keeps)), tuple(keeps_not)


def _restarts(rules: LineRules, exits: list[Exit]) -> list[Restart]:
    """What sets those clocks anew that lead out of a state."""
    names = {way.clock for way in exits if way.when == "clock"}
    return [restart for name, clock in rules.clocks.items() if name in names for restart in clock.restarts]


def _topup(restart: Restart, carrier: CarrierVersion) -> Counts:
    least = max(restart.least_minor, min((tier.from_minor for tier in restart.tiers), default=0))
    return Counts("topup_plain" if restart.plain else "topup", Money(least, carrier.currency) if least else None)
