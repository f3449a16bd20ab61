"""What carriers answer, decided: one pure function says what an answer means, one operation writes it down."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from topup.fulfilment.ports import Limits
from topup.fulfilment.queries import Attempt
from topup.fulfilment.states import ATTEMPTS, SUBMISSION_TRIES, AttemptState, ask_after
from topup.kernel.outcome import Accepted, Done, NotSent, Outcome, Reason, Refused, Reversed, Throttled, Unknown
from topup.orders.states import Cause, OrderState


class Effect(StrEnum):
    """What an answer does to the order."""

    NOTHING = "nothing"
    WAIT = "wait"
    """Still on its way."""
    DELIVER = "deliver"
    REFUND = "refund"
    REVERSE = "reverse"
    """Take the delivery's entries back, and refund."""
    RETRY = "retry"
    """Another attempt under a new number: this one is proven never to have arrived."""
    PERSON = "person"
    """A person decides about the order."""
    CONTRADICTION = "contradiction"
    """The carrier says the opposite of what it said before: listed for a person, the order stays."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of an attempt (state None: it stays), when to act next, and what that does to its order."""

    state: AttemptState | None
    effect: Effect
    act_at: datetime | None = None
    cause: Cause = Cause.CARRIER_SILENT
    reference: str | None = None
    code: str | None = None


_OPEN: Final = frozenset({AttemptState.SUBMITTING, AttemptState.ACCEPTED, AttemptState.UNKNOWN})
_STAYS: Final = Verdict(None, Effect.NOTHING)


def judge(attempt: Attempt, outcome: Outcome, *, submission: bool, limits: Limits, now: datetime) -> Verdict:
    """What an answer means: `submission` tells the answer of the one submission from those of queries and events."""
    if attempt.state not in _OPEN:
        return _late(attempt.state, outcome)
    match outcome:
        case Done(reference):
            return Verdict(AttemptState.DELIVERED, Effect.DELIVER, cause=Cause.CARRIER_CONFIRMED, reference=reference)
        case Reversed(reference):
            return Verdict(AttemptState.REVERSED, Effect.REFUND, cause=Cause.CARRIER_REVERSED, reference=reference)
        case Refused(Reason.ABSENT, code):
            return _absent(attempt, code, limits, now)
        case Refused(_, code):
            return Verdict(AttemptState.REFUSED, Effect.REFUND, cause=Cause.CARRIER_REFUSED, code=code)
        case NotSent() if submission and attempt.state is AttemptState.SUBMITTING:
            return _again(attempt, now, ask_after(attempt.asked, timedelta(0)))
        case Throttled(retry_after_s) if submission and attempt.state is AttemptState.SUBMITTING:
            return _again(attempt, now, timedelta(seconds=retry_after_s))
    return _open(attempt, outcome, limits, now)


def _late(state: AttemptState, outcome: Outcome) -> Verdict:
    """An answer about an attempt that was thought to be settled."""
    match state, outcome:
        case AttemptState.NEEDS_PERSON, Done(reference):
            return Verdict(AttemptState.DELIVERED, Effect.DELIVER, cause=Cause.CARRIER_CONFIRMED, reference=reference)
        case AttemptState.NEEDS_PERSON, Refused(Reason.USER | Reason.CONFIGURATION, code):
            return Verdict(AttemptState.REFUSED, Effect.REFUND, cause=Cause.CARRIER_REFUSED, code=code)
        case AttemptState.NEEDS_PERSON, Reversed(reference):
            return Verdict(AttemptState.REVERSED, Effect.REFUND, cause=Cause.CARRIER_REVERSED, reference=reference)
        case AttemptState.DELIVERED, Reversed(reference):
            return Verdict(AttemptState.REVERSED, Effect.REVERSE, cause=Cause.CARRIER_REVERSED, reference=reference)
        case AttemptState.DELIVERED, Refused():
            return Verdict(None, Effect.CONTRADICTION)
        case ((AttemptState.REFUSED | AttemptState.ABSENT), (Done() | Accepted())):
            return Verdict(None, Effect.CONTRADICTION)
    return _STAYS


def _absent(attempt: Attempt, code: str, limits: Limits, now: datetime) -> Verdict:
    """The carrier says it never had it: believed only when it had time to notice, and never took it in before."""
    # Taken in once, and silent or denied since: the reference of then remains.
    taken_in = attempt.state is AttemptState.ACCEPTED or attempt.reference is not None
    if taken_in or attempt.submitted_at is None:
        return _open(attempt, Unknown(code), limits, now)
    proven_at = attempt.submitted_at + limits.absence_proves_after
    if now < proven_at:
        state = None if attempt.state is AttemptState.UNKNOWN else AttemptState.UNKNOWN
        return Verdict(state, Effect.WAIT, act_at=proven_at, code=code)
    if attempt.number < ATTEMPTS:
        return Verdict(AttemptState.ABSENT, Effect.RETRY, cause=Cause.CARRIER_NEVER_HAD_IT, code=code)
    return Verdict(AttemptState.ABSENT, Effect.REFUND, cause=Cause.CARRIER_UNREACHABLE, code=code)


def _again(attempt: Attempt, now: datetime, wait: timedelta) -> Verdict:
    """Nothing left this machine, or it was positively not taken in: the same attempt may be submitted."""
    if attempt.asked >= SUBMISSION_TRIES:
        return Verdict(AttemptState.REFUSED, Effect.REFUND, cause=Cause.CARRIER_UNREACHABLE, code="not_sent")
    return Verdict(AttemptState.INTENDED, Effect.NOTHING, act_at=now + wait)


def _open(attempt: Attempt, outcome: Outcome, limits: Limits, now: datetime) -> Verdict:
    """Not final: asked about again, until the carrier's horizon."""
    if attempt.submitted_at is not None and now - attempt.submitted_at > limits.horizon:
        return Verdict(AttemptState.NEEDS_PERSON, Effect.PERSON, cause=Cause.NO_ANSWER_IN_TIME)
    act_at = now + ask_after(attempt.asked, limits.minimum_interval)
    match outcome:
        case Accepted(reference):
            state = None if attempt.state is AttemptState.ACCEPTED else AttemptState.ACCEPTED
            return Verdict(state, Effect.WAIT, act_at, Cause.CARRIER_ANSWERED, reference=reference)
        case Throttled(retry_after_s):
            return Verdict(None, Effect.NOTHING, max(act_at, now + timedelta(seconds=retry_after_s)))
        case NotSent() if attempt.state is not AttemptState.SUBMITTING:
            return Verdict(None, Effect.NOTHING, act_at)
    state = None if attempt.state is AttemptState.UNKNOWN else AttemptState.UNKNOWN
    return Verdict(state, Effect.WAIT, act_at)


def path_of(verdict: Verdict, state: OrderState) -> tuple[tuple[OrderState, Cause], ...]:
    """The states an order in `state` goes through because of a verdict."""
    match verdict.effect:
        case Effect.DELIVER:
            return ((OrderState.DELIVERED, verdict.cause),)
        case Effect.REFUND | Effect.REVERSE:
            return ((OrderState.REFUNDING, verdict.cause),)
        case Effect.PERSON:
            return ((OrderState.NEEDS_PERSON, verdict.cause),)
        case Effect.RETRY if state is OrderState.UNRESOLVED:
            return ((OrderState.DELIVERING, verdict.cause),)
        case Effect.WAIT if verdict.state is AttemptState.UNKNOWN and state is OrderState.DELIVERING:
            return ((OrderState.UNRESOLVED, Cause.CARRIER_SILENT),)
        case Effect.WAIT if verdict.state is AttemptState.ACCEPTED and state is OrderState.UNRESOLVED:
            return ((OrderState.DELIVERING, Cause.CARRIER_ANSWERED),)
    return ()
