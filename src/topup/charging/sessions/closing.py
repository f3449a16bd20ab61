"""What is left of a line's when a request of a session was taken in, and what stays on the record of one that ended."""

from collections.abc import Iterator, Mapping

from topup.charging.sessions.funds import Funds
from topup.charging.sessions.judging import Job
from topup.charging.sessions.rows import Meter
from topup.charging.usage.booking import Taken
from topup.charging.usage.facts import Purse
from topup.charging.usage.rows import FreePart, Part, UsageRow
from topup.kernel.ids import LineId


def left_of(job: Job, funds: Mapping[LineId, Funds]) -> dict[str, int]:
    """What the line has of each asset after the request, what this session holds included."""
    found = funds[job.session.line_id]
    left: dict[str, int] = {}
    for purse in found.purses:
        if _lasts(purse, found):
            left[purse.asset] = left.get(purse.asset, 0) + found.rest[purse.bucket_id]
    for meter in job.session.meters:
        for held in meter.holds:
            left[held.asset] = left.get(held.asset, 0) + held.left
    return left


def _lasts(purse: Purse, funds: Funds) -> bool:
    return purse.usable_until is None or purse.usable_until > funds.now


def records_of(job: Job) -> Iterator[UsageRow]:
    """A session that ended, as it is kept: a record for each of its services, under its id."""
    session = job.session
    several = len(session.meters) > 1
    for meter in session.meters:
        if meter.used:
            yield _record(job, meter, f"{session.id}:{meter.group}" if several else str(session.id))


def _record(job: Job, meter: Meter, identifier: str) -> UsageRow:
    session = job.session
    parts = tuple(
        Part(part.reason, part.asset, part.amount, part.quantity, part.day, part.bucket, part.price, part.per)
        for part in meter.parts
    )
    return UsageRow(
        lane=session.lane,
        line_id=session.line_id,
        at=session.began_at,
        id=identifier,
        source="session",
        msisdn=session.msisdn,
        carrier_id=session.carrier_id,
        catalogue_version=session.catalogue_version,
        service=meter.service,
        country=meter.country,
        called=meter.called,
        quantity=meter.used,
        counted=meter.counted,
        rate_id=meter.rate_id,
        currency=job.carrier.currency,
        cost_minor=sum(part.amount for part in parts if part.bucket_id is None) - meter.unpaid,
        parts=parts,
        free=tuple(FreePart(free.reason, free.quantity, free.day, free.waived) for free in meter.free),
        paid=tuple(Taken(paid.bucket, paid.asset, paid.kind, paid.amount) for paid in meter.paid),
        rated_at=job.metering.now,
    )
