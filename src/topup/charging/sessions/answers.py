"""What a client is told of a session: stored as it was told, and told so again."""

from datetime import UTC, datetime
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from topup.charging.sessions.rows import Meter, Session, SessionState
from topup.kernel.money import MAXIMUM_AMOUNT

Instant = Annotated[datetime, Meta(tz=True, description="RFC 3339, UTC.", examples=["2026-11-20T08:00:00Z"])]
SessionStatus = Literal["open", "released", "timed_out"]


class Cost(Struct, frozen=True):
    """What was taken: minor units of a currency, bytes of DATA, seconds of VOICE, messages of SMS."""

    asset: Annotated[str, Meta(examples=["CNY", "DATA"])]
    amount: Annotated[int, Meta(ge=0, le=MAXIMUM_AMOUNT)]


class ServiceTold(Struct, frozen=True):
    """One service of a session. `granted` may be used before the session's `valid_until`; `used`, `cost` are of all."""

    rating_group: int
    service: str
    result: Annotated[
        str,
        Meta(
            description="granted; not_requested; or why nothing was granted: a code of the problems.",
            examples=["granted", "insufficient_funds", "line_blocked"],
        ),
    ]
    granted: Annotated[int, Meta(description="Seconds, bytes or messages that may be used beyond `used`.")]
    final: Annotated[bool, Meta(description="There is no more than this: when it is used up, end the service.")]
    used: int
    cost: list[Cost]
    overrun: Annotated[int, Meta(description="What was used beyond what was granted.")] = 0
    unpaid_minor: Annotated[int, Meta(description="What of the cost nothing was left to pay for.")] = 0


class SessionTold(Struct, frozen=True):
    """A session after a request. `session_id` is the client's own, if it has one."""

    id: Annotated[str, Meta(examples=["ses_01m7xprzmv03t2s6sdhxcrg8x8"])]
    session_id: str | None
    status: SessionStatus
    sequence: Annotated[int, Meta(description="Of the request this answers.")]
    valid_until: Annotated[Instant | None, Meta(description="Report before; null: the session is over.")]
    services: list[ServiceTold]


class HeldNow(Struct, frozen=True):
    """What a service of a session holds of the line's buckets."""

    hold_id: str
    bucket_id: str
    asset: str
    amount: int


class ServiceShown(Struct, frozen=True):
    """One service of a session, and what it holds."""

    rating_group: int
    service: str
    country: str
    called: str | None
    rate_id: str
    granted: int
    final: bool
    used: int
    cost: list[Cost]
    overrun: int
    unpaid_minor: int
    held: list[HeldNow]


class SessionShown(Struct, frozen=True):
    """A session as it stands. `next_sequence` is the number that the next request must have."""

    id: str
    session_id: str | None
    status: SessionStatus
    number: Annotated[str, Meta(description="E.164.", examples=["+8613800138000"])]
    line_id: str
    sequence: int
    next_sequence: Annotated[int | None, Meta(description="null: the session is over.")]
    began_at: Instant
    opened_at: Instant
    deadline: Annotated[Instant, Meta(description="When a session that is silent is closed.")]
    closed_at: Instant | None
    services: list[ServiceShown]


CLIENTS_OWN: Final = "session:"
"""The beginning of a `client_key` that is the client's own id of the session."""

_encode: Final = msgspec.json.Encoder().encode


def told(session: Session, services: list[ServiceTold], valid_until: datetime | None) -> bytes:
    """The answer to a request of a session."""
    answer = SessionTold(
        session.id, own_id(session), session.state.value, session.sequence, valid_until, services
    )  # fmt: skip
    return _encode(answer)


def service_told(meter: Meter) -> ServiceTold:
    """A service after a request."""
    return ServiceTold(
        meter.group,
        meter.service,
        meter.result,
        meter.granted,
        meter.final,
        meter.used,
        [Cost(asset, amount) for asset, amount in meter.cost().items()],
        meter.over,
        meter.unpaid,
    )


def service_refused(group: int, service: str, code: str) -> ServiceTold:
    """A service that could not begin."""
    return ServiceTold(group, service, code, 0, True, 0, [])  # noqa: FBT003 - a row


def shown(session: Session) -> bytes:
    """A session as it stands."""
    going = session.state is SessionState.OPEN
    return _encode(
        SessionShown(
            id=session.id,
            session_id=own_id(session),
            status=session.state.value,
            number=session.msisdn,
            line_id=session.line_id,
            sequence=session.sequence,
            next_sequence=session.sequence + 1 if going else None,
            began_at=session.began_at.astimezone(UTC),
            opened_at=session.opened_at.astimezone(UTC),
            deadline=session.deadline.astimezone(UTC),
            closed_at=session.closed_at.astimezone(UTC) if session.closed_at else None,
            services=[_service_shown(meter) for meter in session.meters],
        )
    )


def _service_shown(meter: Meter) -> ServiceShown:
    return ServiceShown(
        rating_group=meter.group,
        service=meter.service,
        country=meter.country,
        called=meter.called,
        rate_id=meter.rate_id,
        granted=meter.granted,
        final=meter.final,
        used=meter.used,
        cost=[Cost(asset, amount) for asset, amount in meter.cost().items()],
        overrun=meter.over,
        unpaid_minor=meter.unpaid,
        held=[HeldNow(held.id, held.bucket, held.asset, held.left) for held in meter.holds],
    )


def own_id(session: Session) -> str | None:
    """The client's own id of a session."""
    key = session.client_key
    return key.removeprefix(CLIENTS_OWN) if key.startswith(CLIENTS_OWN) else None
