"""Requests of many sessions taken in together: one transaction, one reading of rows, one posting, one writing.

They are judged in memory by what was read, and anew where somebody else was quicker in between (usage.anew).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from topup.catalogue.queries import CatalogueCache, Snapshot
from topup.charging.sessions import rows
from topup.charging.sessions.closing import left_of, records_of
from topup.charging.sessions.funds import Funds
from topup.charging.sessions.judging import (
    Answered,
    Found,
    Job,
    answer,
    begin_expiry,
    begin_opening,
    begin_report,
    is_refused,
    judge,
    look_closer,
    since,
    subject_of,
)
from topup.charging.sessions.openings import claim, opened
from topup.charging.sessions.requests import Expiry, Opening, Request, Told
from topup.charging.sessions.rows import Session, SessionState
from topup.charging.sessions.telling import news_of, takings
from topup.charging.usage.anew import SAVEPOINT, written
from topup.charging.usage.booking import Spending, has_caps, spend, spent_since
from topup.charging.usage.events import tell
from topup.charging.usage.facts import LineOfUsage, lines_of_numbers, lines_of_usage
from topup.charging.usage.rows import write
from topup.kernel.errors import Problem
from topup.kernel.ids import LineId
from topup.ledger import Posted, PostingRefused, post
from topup.ledger.promises import left_of_holds
from topup.lines import lives
from topup.lines.living import Happened, happen
from topup.lines.queries import LineRef
from topup.platform.database import Connection
from topup.platform.together import together

Placed = tuple[int, Request]
"""A request and its place among those that came together."""


async def take_in(
    connection: Connection, requests: Sequence[Request], now: datetime, *, catalogue: CatalogueCache, lanes: int
) -> list[Answered]:
    """Take requests in, in the caller's transaction; what each is told, in order.

    Several about one session are taken in one after the other. It posts to the ledger: make it the last.
    """
    wave, left = _wave(list(enumerate(requests)))
    snapshot, found = await together(catalogue.current(connection), _begin(connection, wave))
    answers = await _take_in(connection, _Judging(wave, found, now, snapshot, lanes, more=bool(left)))
    while left:
        wave, left = _wave(left)
        found = await _begin(connection, wave)
        answers |= await _take_in(connection, _Judging(wave, found, now, snapshot, lanes))
    return [answers[place] for place in range(len(requests))]


async def _begin(connection: Connection, wave: Sequence[Placed]) -> Found:
    """The sessions of a wave, locked before the savepoint: they stay ours whatever is undone."""
    found, _ = await together(rows.locked(connection, _places(wave)), connection.execute(SAVEPOINT, prepare=False))
    return found


def _places(wave: Sequence[Placed]) -> list[tuple[int, str]]:
    return [(request.lane, request.session_id) for _, request in wave if not isinstance(request, Opening)]


def _wave(left: Sequence[Placed]) -> tuple[list[Placed], list[Placed]]:
    """The first request about each session, and the others."""
    seen = set()
    wave: list[Placed] = []
    later: list[Placed] = []
    for placed in left:
        subject = subject_of(placed[1])
        (later if subject in seen else wave).append(placed)
        seen.add(subject)
    return wave, later


async def _take_in(connection: Connection, first: "_Judging") -> dict[int, Answered]:
    """Take a wave in, as it is judged first or anew."""

    async def judged(anew: bool) -> _Judging:  # noqa: FBT001 - as `written` asks
        judging = await first.again(connection) if anew else first
        await judging.judge(connection)
        return judging

    return (await written(connection, first.now, judged)).answers


async def _drop_holds_that_are_gone(connection: Connection, found: Found) -> None:
    """What the ledger released by itself, because nobody looked after sessions for a day, is held no more."""
    meters = [(session.lane, meter) for session, _ in found.values() for meter in session.meters]
    left = await left_of_holds(connection, [(lane, held.id) for lane, meter in meters for held in meter.holds])
    for _, meter in meters:
        meter.holds = [held for held in meter.holds if held.id in left]
        for held in meter.holds:
            held.left = left[held.id]


@dataclass(slots=True)
class _Judging:
    """Requests that are judged together, and what they come to.

    With `more` waves to come, all lines are locked before the ledger's lanes, for the waves after it.
    """

    wave: Sequence[Placed]
    found: Found
    now: datetime
    snapshot: Snapshot
    lanes: int
    more: bool = False
    answers: dict[int, Answered] = field(default_factory=dict)
    jobs: list[Job] = field(default_factory=list)
    funds: dict[LineId, Funds] = field(default_factory=dict)
    look_later: list[Session] = field(default_factory=list)
    opened_for: list[LineRef] = field(default_factory=list)

    async def judge(self, connection: Connection) -> None:
        """Judge all; `jobs` are those that change something."""
        openings = [request for _, request in self.wave if isinstance(request, Opening)]
        lines: dict[str, LineOfUsage] = {}
        earlier: dict[tuple[str, str], Session] = {}
        if openings:
            numbers = [opening.msisdn for opening in openings]
            lines = await lines_of_numbers(connection, numbers, self.now, snapshot=self.snapshot)
            # Under the same key another number may have been asked for, or the number may be another line's by now.
            keys = [(opening.opened_by, opening.client_key) for opening in openings]
            earlier = await opened(connection, keys, self.lanes)
        self.opened_for = [line.ref for line in lines.values()]
        for place, request in self.wave:
            try:
                begun = self._begin(place, request, lines, earlier)
            except Problem as problem:
                self.answers[place] = problem
                continue
            if isinstance(begun, Job):
                self.jobs.append(begun)
            else:
                self.answers[place] = begun
        for job in self.jobs:
            standing = None if job.new else self.found[job.session.id][1]
            look_closer(job, standing, self.snapshot)
        await self._look_closer(connection, {line.ref.id: line for line in lines.values()})
        self._conclude()

    def _begin(
        self,
        place: int,
        request: Request,
        lines: dict[str, LineOfUsage],
        earlier: dict[tuple[str, str], Session],
    ) -> Job | Told:
        if isinstance(request, Opening):
            line = lines.get(request.msisdn)
            before = earlier.get((request.opened_by, request.client_key))
            return begin_opening(place, request, line, before, self.now)
        found = self.found.get(request.session_id)
        if isinstance(request, Expiry):
            return self._expire(place, found)
        return begin_report(place, request, found, self.snapshot, self.now)

    def _expire(self, place: int, found: tuple[Session, rows.Standing] | None) -> Job | Told:
        if found is None or found[0].state is not SessionState.OPEN:
            return Told(b"")
        if found[0].deadline > self.now:
            self.look_later.append(found[0])
            return Told(b"")
        return begin_expiry(place, found, self.snapshot, self.now)

    async def _look_closer(self, connection: Connection, known: dict[LineId, LineOfUsage]) -> None:
        """Read what the lines have that need a closer look, and judge these."""
        closer = [job for job in self.jobs if job.closer]
        refs = [job.ref for job in closer if job.ref.id not in known]
        if refs:
            known |= await lines_of_usage(connection, refs, self.now, snapshot=self.snapshot)
        spent = await spent_since(connection, since(closer)) if any(map(has_caps, known.values())) else {}
        self.funds = {name: Funds(line, spent.get(name, {}), self.now) for name, line in known.items()}
        for job in closer:
            try:
                judge(job, self.funds.get(job.session.line_id))
            except Problem as problem:
                self.answers[job.place] = problem
                self.jobs = [other for other in self.jobs if other is not job]

    def _conclude(self) -> None:
        """Say what became of each; a session that is not opened leaves nothing."""
        opened = []
        for job in self.jobs:
            refusal = is_refused(job)
            self.answers[job.place] = refusal or answer(job)
            if refusal is None:
                opened.append(job)
        self.jobs = opened

    async def again(self, connection: Connection) -> "_Judging":
        """The same requests, to be judged anew by what there is now."""
        found = await rows.locked(connection, _places(self.wave))
        await _drop_holds_that_are_gone(connection, found)
        return _Judging(self.wave, found, self.now, self.snapshot, self.lanes, self.more)

    @property
    def refs(self) -> list[LineRef]:
        """The lines of what changes something; with `more` to come, of all that was asked for, refused or not."""
        if not self.more:
            return [job.ref for job in self.jobs]
        return self.opened_for + [LineRef(session.lane, session.line_id) for session, _ in self.found.values()]

    async def write(self, connection: Connection) -> bool:
        """Write what was judged; False where it was not so any more, and the caller has to undo it."""
        if self.more:
            await lives.locked(connection, [(line.lane, str(line.id)) for line in self.refs])
        return await _write(connection, self, self.now, self.snapshot)

    def heard(self) -> list[Happened]:
        """What the lives of the lines are to hear of."""
        heard = []
        for job in self.jobs:
            if not job.metering.postings.charged:
                continue
            line = job.line
            if line is not None and line.hears_of_funds and not left_of(job, self.funds).get(line.currency):
                heard.append(Happened(job.ref, "funds"))
            if job.hears_of_activity or (line is not None and line.hears_of_activity(self.now)):
                heard.append(Happened(job.ref, "activity"))
        return heard

    def spendings(self) -> list[Spending]:
        """What capped days cost more."""
        return [
            Spending(funds.line.ref, rate_id, day, funds.spent[rate_id, day] - added, added)
            for funds in self.funds.values()
            for (rate_id, day), added in funds.added.items()
            if added
        ]


async def _write(connection: Connection, judging: _Judging, now: datetime, snapshot: Snapshot) -> bool:
    """Write what was judged; False where it was not so any more, and the caller has to undo it."""
    jobs = judging.jobs
    if not jobs and not judging.look_later:
        return True
    heard, spendings = judging.heard(), judging.spendings()
    if heard:
        # Locked before the ledger's lane, as whoever looks after lines does it.
        await lives.locked(connection, [(happened.line.lane, str(happened.line.id)) for happened in heard])
    if not await _post(connection, jobs, now):
        return False
    new = [job.session for job in jobs if job.new]
    if not await claim(connection, new, judging.lanes):
        return False
    await rows.insert(connection, new)
    if spendings and not await spend(connection, spendings):
        return False
    events, *_ = await together(
        news_of(connection, takings(jobs, snapshot), now),
        rows.save(connection, [job.session for job in jobs if not job.new]),
        rows.look_again(connection, judging.look_later),
        write(connection, [record for job in jobs if job.metering.closing for record in records_of(job)]),
    )
    await tell(connection, events, now)
    if heard:
        await happen(connection, heard, now, snapshot=snapshot)
    return True


async def _post(connection: Connection, jobs: Sequence[Job], now: datetime) -> bool:
    """Post what was judged, and note the ids of the holds; False where the ledger had it otherwise."""
    postings = [job.metering.postings for job in jobs]
    posted = await post(connection, [item for each in postings for item in each.items], now)
    first = 0
    for each in postings:
        for promise in each.promises:
            answered = posted[first + promise.place]
            if isinstance(answered, Posted):
                promise.held.id = str(answered.hold_id)
        first += len(each.items)
    return not any(isinstance(answered, PostingRefused) for answered in posted)
