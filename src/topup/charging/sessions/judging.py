"""What becomes of requests of sessions: which may be taken in, what they come to, what is answered. In memory.

First what can be said by a session's own row, and by what it holds; then, with what their lines have, the rest.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from topup.catalogue.queries import Snapshot
from topup.catalogue.rates import Rate
from topup.catalogue.versions import CarrierVersion
from topup.charging.rating import LONGEST_CALL_S, RATE_MISSING, TOO_LONG, LineFacts
from topup.charging.sessions.answers import CLIENTS_OWN, ServiceTold, service_refused, service_told, told
from topup.charging.sessions.funds import Funds
from topup.charging.sessions.items import Postings
from topup.charging.sessions.metering import NOT_WANTED, Metering, in_major
from topup.charging.sessions.requests import MOST_SERVICES, Expiry, Opening, Reporting, ServiceReport, Told
from topup.charging.sessions.rows import Meter, Session, SessionState, Standing
from topup.charging.usage.booking import BUCKET_FROZEN, INSUFFICIENT_FUNDS
from topup.charging.usage.facts import LINE_UNKNOWN, LineOfUsage, blocked_by, untimely
from topup.kernel.errors import Conflict, Invalid, NotFound, Problem, WhoMustAct
from topup.kernel.ids import SessionId, new_id
from topup.lines.queries import LineRef
from topup.lines.rules import ruling_of

_AHEAD: Final = timedelta(minutes=5)
"""So much at most a network's clock is ahead of ours."""
_OLDEST_DAYS: Final = 31
"""So long ago at most a use began that is charged as it goes on: no call is longer."""


@dataclass(slots=True)
class Job:
    """A request that is taken in: its session, the meters it concerns, and those that need a closer look."""

    place: int
    session: Session
    metering: Metering
    carrier: CarrierVersion
    fingerprint: bytes
    new: bool = False
    expires: bool = False
    reports: list[tuple[Meter, ServiceReport]] = field(default_factory=list)
    closer: list[tuple[Meter, ServiceReport]] = field(default_factory=list)
    refused: list[ServiceTold] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    line: LineOfUsage | None = None
    hears_of_activity: bool = False

    @property
    def ref(self) -> LineRef:
        """The session's line."""
        return LineRef(self.session.lane, self.session.line_id)


def begin_report(
    place: int, request: Reporting, found: tuple[Session, Standing] | None, snapshot: Snapshot, now: datetime
) -> Job | Told:
    """A report to be taken in, or what was told before.

    Raises NotFound usage_session_unknown; Conflict usage_session_closed, usage_sequence_wrong (with what is
    `expected`); Invalid usage_sequence_reused, usage_in_future, and those of `_add_reports`.
    """
    if found is None:
        raise NotFound("usage_session_unknown")
    session, standing = found
    if request.sequence == session.sequence:
        if request.fingerprint != session.fingerprint:
            raise Invalid("usage_sequence_reused", sequence=session.sequence)
        return Told(session.answer.encode(), replayed=True)
    if session.state is not SessionState.OPEN:
        raise Conflict("usage_session_closed", status=session.state.value)
    if request.sequence != session.sequence + 1:
        raise Conflict("usage_sequence_wrong", expected=session.sequence + 1)
    at = request.at or now
    if at > now + _AHEAD:
        raise Invalid("usage_in_future")
    at = max(at, session.began_at)
    job = _job(place, session, standing, snapshot, now=now, at=at, closing=request.closing)
    job.metering.postings.sequence = request.sequence
    job.fingerprint = request.fingerprint
    _add_reports(job, request.services)
    return job


def begin_expiry(place: int, found: tuple[Session, Standing], snapshot: Snapshot, now: datetime) -> Job:
    """A session whose deadline has passed is closed: nothing more was used."""
    session, standing = found
    job = _job(place, session, standing, snapshot, now=now, at=now, closing=True)
    job.metering.postings.sequence = session.sequence + 1
    job.fingerprint = session.fingerprint
    job.expires = True
    job.reports = [(meter, ServiceReport(meter.group)) for meter in session.meters]
    return job


def begin_opening(
    place: int,
    request: Opening,
    line: LineOfUsage | None,
    earlier: Session | None,
    now: datetime,
) -> Job | Told:
    """A session to be opened, or what was told when it was.

    Raises NotFound line_unknown; Invalid key_reused, session_id_reused, usage_in_future, usage_too_old,
    usage_before_line and those of `_add_reports`; Conflict usage_sequence_wrong (with what is `expected` of the
    `session` that was opened so).
    """
    if earlier is not None:
        return _opened_before(request, earlier)
    if line is None:
        raise NotFound(LINE_UNKNOWN)
    at = request.at or now
    if at < now - timedelta(days=_OLDEST_DAYS):
        raise Invalid("usage_too_old", days=_OLDEST_DAYS)
    code = untimely(line, at, now)
    if code:
        raise Invalid(code)
    session = Session(
        lane=line.ref.lane,
        id=SessionId(new_id("session", line.ref.lane)),
        line_id=line.ref.id,
        msisdn=request.msisdn,
        carrier_id=line.carrier.carrier_id,
        catalogue_version=line.carrier.version,
        opened_by=request.opened_by,
        client_key=request.client_key,
        opening=request.fingerprint,
        began_at=at,
        state=SessionState.OPEN,
        sequence=request.sequence,
        fingerprint=request.fingerprint,
        answer="",
        meters=[],
        opened_at=now,
        deadline=now,
        look_at=None,
        closed_at=None,
    )
    job = Job(place, session, _metering(session, line.carrier, line.zone, now, at), line.carrier, request.fingerprint)
    job.new = True
    job.line = line
    _add_reports(job, request.services)
    return job


def _opened_before(request: Opening, earlier: Session) -> Told:
    if earlier.opening != request.fingerprint:
        raise Invalid("session_id_reused" if request.client_key.startswith(CLIENTS_OWN) else "key_reused")
    if earlier.sequence != request.sequence:
        raise Conflict("usage_sequence_wrong", expected=earlier.sequence + 1, session=earlier.id)
    return Told(earlier.answer.encode(), replayed=True)


def _job(
    place: int,
    session: Session,
    standing: Standing,
    snapshot: Snapshot,
    *,
    now: datetime,
    at: datetime,
    closing: bool,
) -> Job:
    carrier = snapshot.version(session.carrier_id, session.catalogue_version)
    if carrier is None:
        raise LookupError(f"{session.carrier_id} {session.catalogue_version} was published once")
    zone = _zone(standing.zone)
    metering = _metering(session, carrier, zone, now, at)
    metering.closing = closing
    job = Job(place, session, metering, carrier, b"")
    current = snapshot.carrier(session.carrier_id)
    if current is not None and ruling_of(current).lives:
        active = standing.active_at
        job.hears_of_activity = active is None or active.astimezone(zone).date() < now.astimezone(zone).date()
    return job


def _metering(session: Session, carrier: CarrierVersion, zone: ZoneInfo, now: datetime, at: datetime) -> Metering:
    rules = carrier.document.sessions
    return Metering(
        postings=Postings(session.lane, session.id, session.line_id, session.sequence, now),
        facts=LineFacts(zone, carrier.currency),
        book=carrier.rate_book,
        rules=rules,
        now=now,
        at=at,
        deadline=now + timedelta(seconds=rules.lasts_s + rules.grace_s),
        closing=False,
    )


def _add_reports(job: Job, reports: Sequence[ServiceReport]) -> None:
    """Find the meters that a request reports of, and begin those that are new.

    Raises Invalid usage_service_twice, usage_service_missing, usage_services_many, usage_too_long.
    """
    meters = {meter.group: meter for meter in job.session.meters}
    groups: set[int] = set()
    for report in reports:
        if report.group in groups:
            raise Invalid("usage_service_twice", group=report.group)
        groups.add(report.group)
        meter = meters.get(report.group)
        if meter is None:
            meter = _new_meter(job, report)
        if meter is not None:
            if meter.service == "voice" and meter.used + report.used > LONGEST_CALL_S:
                raise Invalid(TOO_LONG)
            job.reports.append((meter, report))
    if job.metering.closing:
        job.reports += [(meter, ServiceReport(group)) for group, meter in meters.items() if group not in groups]
    if job.new and not groups:
        raise Invalid("usage_service_missing", group=0)


def _new_meter(job: Job, report: ServiceReport) -> Meter | None:
    """A meter that begins, or None where there is no rate for it."""
    if report.service is None:
        raise Invalid("usage_service_missing", group=report.group)
    if len(job.session.meters) >= MOST_SERVICES:
        raise Invalid("usage_services_many", most=MOST_SERVICES)
    country = report.country or job.carrier.document.country
    tariff = job.metering.book.find(service=report.service, country=country, called=report.called)
    if tariff is None:
        job.refused.append(service_refused(report.group, report.service, RATE_MISSING))
        job.problems.append(Invalid(RATE_MISSING, who=WhoMustAct.US))
        return None
    began = job.metering.at.timestamp()
    meter = Meter(report.group, report.service, country, report.called, tariff.id, began)
    job.session.meters.append(meter)
    return meter


def look_closer(job: Job, standing: Standing | None, snapshot: Snapshot) -> None:
    """Take in what needs no closer look, and list what does."""
    if standing is None or job.metering.closing or _is_barred(standing, job.session, snapshot):
        job.closer = job.reports
        return
    quick = job.metering.quick
    job.closer = [(meter, report) for meter, report in job.reports if not quick(meter, report)]


def _is_barred(standing: Standing, session: Session, snapshot: Snapshot) -> bool:
    """Whether the line may perhaps not be used: then it is looked at."""
    if standing.status != "active":
        return True
    carrier = snapshot.carrier(session.carrier_id)
    state = carrier.line_rules.states.get(standing.state) if carrier else None
    if state is None:
        return True
    blocks = {*state.blocks, *(standing.plan_blocks or ())}
    return any(blocked_by(meter.service) in blocks for meter in session.meters)


def judge(job: Job, funds: Funds | None) -> None:
    """Take in what needed a closer look, with what the line has; without a line (its carrier is gone), give back.

    Raises Conflict insufficient_funds where the cost is more than an amount can be: then the line has what it had.
    """
    if not job.closer:
        return
    if funds is None:
        for meter, _ in job.closer:
            job.metering.close(meter)
        return
    job.line = funds.line
    before = funds.noted()
    try:
        _judge(job, funds)
    except Problem:
        funds.restore(before)
        raise


def _judge(job: Job, funds: Funds) -> None:
    for meter, report in job.closer:
        refusal = funds.line.refusal(meter.service)
        job.metering.thorough(meter, report, funds, refusal=refusal)
        if job.new and not meter.granted and meter.result != NOT_WANTED:
            job.problems.append(_problem(job, meter, funds))


def _problem(job: Job, meter: Meter, funds: Funds) -> Problem:
    """Why a service was not granted anything, for a client who has nothing else of the session."""
    if meter.result in {INSUFFICIENT_FUNDS, BUCKET_FROZEN}:
        currency = funds.line.currency
        needed = in_major(job.metering.needed(meter, funds), currency)
        return Conflict(meter.result, needed=needed, currency=currency, final=True)
    return Conflict(meter.result, final=True)


def is_refused(job: Job) -> Problem | None:
    """Why a session is not opened: nothing of what was asked for can be granted. One may ask for nothing yet."""
    if not job.new or not job.problems or any(meter.granted for meter in job.session.meters):
        return None
    return job.problems[0]


def answer(job: Job) -> Told:
    """Note in the session that its request was taken in, and say so."""
    session, metering = job.session, job.metering
    if job.expires:
        session.state, session.closed_at = SessionState.TIMED_OUT, metering.now
        return Told(b"")
    session.sequence = metering.postings.sequence
    session.fingerprint = job.fingerprint
    valid_until = None
    if metering.closing:
        session.state, session.closed_at = SessionState.RELEASED, metering.now
    else:
        session.deadline = metering.deadline
        valid_until = metering.now + timedelta(seconds=metering.rules.lasts_s)
    if job.new:
        session.look_at = session.deadline
    services = [service_told(meter) for meter, _ in job.reports]
    body = told(session, services + job.refused, valid_until)
    session.answer = body.decode()
    return Told(body)


def since(jobs: Iterable[Job]) -> dict[LineRef, date]:
    """From which days on the costs of capped days matter to a closer look."""
    found: dict[LineRef, date] = {}
    for job in jobs:
        zone = job.metering.facts.zone
        for meter, _ in job.closer:
            if _has_cap(job.metering.tariff(meter)):
                days = [min(job.metering.at, job.session.began_at).astimezone(zone).date()]
                days += [meter.rest[2]] if meter.rest else []
                found[job.ref] = min(*days, found.get(job.ref, days[0]))
    return found


def _has_cap(tariff: Rate) -> bool:
    return tariff.daily_cap_minor is not None


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


Found = Mapping[str, tuple[Session, Standing]]
"""Sessions as they were locked, and how their lines stand."""

Answered = Told | Problem
Subject = tuple[int, str] | tuple[str, str]


def subject_of(request: Opening | Reporting | Expiry) -> Subject:
    """What no two requests that are taken in together may be about."""
    if isinstance(request, Opening):
        return request.opened_by, request.client_key
    return request.lane, request.session_id
