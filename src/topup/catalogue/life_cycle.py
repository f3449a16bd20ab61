"""A line's life by its carrier's rules: what an event or the passing of time changes, and what is to come.

Pure: facts in, facts out. A change happens at the instant its reason came about, not when somebody looked: a job that
runs late gives the same dates. So looking more often, or twice, changes nothing.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from topup.catalogue.leaving import all_reminders, next_exit
from topup.catalogue.life_cycle_rules import Clock, Exit, LineRules, Restart, Shows, State
from topup.catalogue.line_facts import Change, Effect, Event, LineFacts, Reminder, Step, without
from topup.catalogue.monthly_fees import next_fee, take_fee
from topup.catalogue.terms import Term, end_in_state, end_of

MOST_CHANGES: Final = 64
"""In one step. A line nobody looked at for decades goes on with the next one."""
FARTHEST: Final = timedelta(days=20 * 366)
"""Nothing is foretold beyond."""

_Upcoming = tuple[datetime, Exit]


def opened(rules: LineRules, *, now: datetime, zone: ZoneInfo) -> Step:
    """A line that begins its life now: in the state lines start in, its clocks set by `activation`."""
    return step(rules, LineFacts(rules.starts, now), now=now, zone=zone, event=Event("activation"))


def step(rules: LineRules, facts: LineFacts, *, now: datetime, zone: ZoneInfo, event: Event | None = None) -> Step:
    """What time has brought up to `now`, then what `event` brings that happens now.

    `facts` are those before the event, `zone` is the line's. An event changes nothing of a closed line, and a top-up
    nothing of a line whose state blocks top-ups, but their funds. Raises StateUnknown.
    """
    run = _Run(rules, facts, zone)
    run.pass_time(now)
    if event is not None:
        run.meet(event, now)
        run.pass_time(now)
    return Step(run.facts, tuple(run.changes), tuple(run.effects), run.look_at(now))


def foretold(
    rules: LineRules, facts: LineFacts, *, now: datetime, zone: ZoneInfo, event: Event
) -> tuple[LineFacts, tuple[Change, ...]]:
    """What a line is after the same, and its changes, where nothing is to be done about them. Raises StateUnknown."""
    run = _Run(rules, facts, zone)
    run.pass_time(now)
    run.meet(event, now)
    run.pass_time(now)
    return run.facts, tuple(run.changes)


def forecast(
    rules: LineRules, facts: LineFacts, *, now: datetime, zone: ZoneInfo, at_most: int = 16
) -> tuple[Change, ...]:
    """The changes to come if nobody uses the line or tops it up, monthly fees taken as they come due.

    At most `at_most`, oldest first; among them those that came due already. Raises StateUnknown.
    """
    return left_alone(rules, facts, now=now, until=now + FARTHEST, zone=zone, at_most=at_most)[1]


def left_alone(
    rules: LineRules, facts: LineFacts, *, now: datetime, until: datetime, zone: ZoneInfo, at_most: int = MOST_CHANGES
) -> tuple[LineFacts, tuple[Change, ...]]:
    """The line at `until`, and its changes up to then, if from `now` on nobody uses it or tops it up.

    Monthly fees are taken as they come due. It stops after `at_most` changes. Raises StateUnknown.
    """
    run = _Run(rules, facts, zone)
    fee_at = next_fee(rules.fee, zone, now)
    while len(run.changes) < at_most and not run.state.closes:
        upcoming = run.upcoming()
        if upcoming is not None and upcoming[0] <= min(fee_at or upcoming[0], until):
            run.leave(upcoming[1], upcoming[0])
        elif fee_at is not None and fee_at <= until:
            run.charge(fee_at)
            fee_at = next_fee(rules.fee, zone, fee_at)
        else:
            break
    return run.facts, tuple(run.changes)


def reminders(
    rules: LineRules, facts: LineFacts, *, zone: ZoneInfo, after: datetime, until: datetime
) -> tuple[Reminder, ...]:
    """The reminders due after one instant and up to another: so many days before time leads out of the state."""
    return tuple(found for found in all_reminders(rules, facts, zone) if after < found.at <= until)


def shown_as(rules: LineRules, facts: LineFacts, *, now: datetime, zone: ZoneInfo) -> Shows:
    """What the line is called before people: `expiring` where an active one is so near its end that one is reminded."""
    state = rules.state(facts.state)
    near = any(found.at <= now for found in all_reminders(rules, facts, zone))
    return "expiring" if state.shows == "active" and near else state.shows


def clock_set(clock: Clock, due: datetime | None, term: Term, *, now: datetime, zone: ZoneInfo) -> datetime:
    """When a clock that is set at `now` for `term` runs out, `due` being when it would have."""
    running = due is not None and due > now and clock.policy != "renew"
    fresh = end_in_state(term, zone, due) if running and clock.policy == "extend" and due else end_of(term, zone, now)
    if clock.most_days is not None:
        fresh = min(fresh, end_of(Term(days=clock.most_days), zone, now))
    return max(fresh, due) if running and due else fresh


def restarted(clock: Clock, event: Event, balance_minor: int) -> Term | None:
    """The term `clock` is set to by an event after which the line has `balance_minor` of money; None: it runs on."""
    for restart in clock.restarts:
        if restart.on == event.on and _is_enough(restart, event):
            term = _tier(restart, event.amount_minor if restart.by == "topup" else balance_minor)
            if term is not None or not restart.tiers:
                return term or restart.term or clock.term
    return None


def _is_enough(rule: Restart | Exit, event: Event) -> bool:
    return event.on != "topup" or (event.amount_minor >= rule.least_minor and (event.plain or not rule.plain))


def _tier(restart: Restart, amount_minor: int) -> Term | None:
    reached = [tier.term for tier in restart.tiers if tier.from_minor <= amount_minor]
    return reached[-1] if reached else None


class _Run:
    """A line on its way through its states."""

    def __init__(self, rules: LineRules, facts: LineFacts, zone: ZoneInfo) -> None:
        self.rules = rules
        self.facts = facts
        self.zone = zone
        self.state: State = rules.state(facts.state)
        self.changes: list[Change] = []
        self.effects: list[Effect] = []

    def pass_time(self, now: datetime) -> None:
        while len(self.changes) < MOST_CHANGES and not self.state.closes:
            upcoming = self.upcoming()
            if upcoming is None or upcoming[0] > now:
                return
            self.leave(upcoming[1], upcoming[0])

    def upcoming(self) -> _Upcoming | None:
        """The exit that time alone opens first."""
        return next_exit(self.rules, self.facts, self.zone)

    def look_at(self, now: datetime) -> datetime | None:
        if self.state.closes:
            return None
        upcoming = self.upcoming()
        instants = [found.at for found in all_reminders(self.rules, self.facts, self.zone) if found.at > now]
        return min([*instants, upcoming[0]]) if upcoming else None

    def meet(self, event: Event, now: datetime) -> None:
        state = self.state
        refused = state.closes or (event.on == "topup" and "topup" in state.blocks)
        if not refused:
            self._set_clocks(event, now)
        self._take_over(event, now)
        if refused:
            return
        if event.on == "topup":
            self._affect(now, forfeit=state.topup_forfeits, restore=state.restores)
        for way in state.exits:
            if _opens(way, event):
                self.leave(way, now)
                return

    def charge(self, at: datetime) -> None:
        """The monthly fee comes due."""
        fee = self.rules.fee
        if fee is None or not self.state.charges_fee:
            return
        taken = take_fee(fee, self.facts.funds, at)
        arrears = self.facts.arrears_minor + taken.owed_minor
        self.meet(Event("fee", funds=taken.funds, arrears_minor=arrears, fee_missed=taken.missed), at)

    def leave(self, way: Exit, at: datetime) -> None:
        entered = self.rules.state(way.to)
        self.changes.append(
            Change(at, self.state.id, entered.id, way, entered.shows, entered.closes, entered.releases_number)
        )
        usable = [portion for portion in self.facts.funds if portion.usable_at(at)]
        left = without(usable, entered.forfeits + entered.freezes)
        gone = "expired" if self.facts.funds and not left else self.facts.gone
        self.facts = replace(self.facts, state=entered.id, state_since=at, funds=left, gone=gone)
        self.state = entered
        self._affect(at, forfeit=entered.forfeits, freeze=entered.freezes)

    def _affect(
        self,
        at: datetime,
        *,
        forfeit: tuple[str, ...] = (),
        freeze: tuple[str, ...] = (),
        restore: tuple[str, ...] = (),
    ) -> None:
        if forfeit:
            self.effects.append(Effect("forfeit", forfeit, at))
        if freeze:
            self.effects.append(Effect("freeze", freeze, at))
        if restore:
            self.effects.append(Effect("restore", restore, at))

    def _set_clocks(self, event: Event, now: datetime) -> None:
        funds = self.facts.funds if event.funds is None else event.funds
        balance = sum(portion.amount_minor for portion in funds if portion.usable_at(now))
        clocks = dict(self.facts.clocks)
        for clock in self.rules.clocks.values():
            term = restarted(clock, event, balance)
            if term is not None:
                clocks[clock.name] = clock_set(clock, clocks.get(clock.name), term, now=now, zone=self.zone)
        self.facts = replace(self.facts, clocks=clocks)

    def _take_over(self, event: Event, now: datetime) -> None:
        """Funds and arrears as they are after the event."""
        if event.funds is None and event.arrears_minor is None:
            return
        funds = self.facts.funds if event.funds is None else event.funds
        arrears = self.facts.arrears_minor if event.arrears_minor is None else event.arrears_minor
        self.facts = replace(self.facts, funds=funds, gone=event.gone, arrears_minor=arrears, funds_since=now)


def _opens(way: Exit, event: Event) -> bool:
    """Whether an event leads out by `way`."""
    if way.when == "fee_missed":
        return event.on == "fee" and event.fee_missed
    return way.when == event.on and _is_enough(way, event)
