"""What the routes of automatic top-ups take and give."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from topup.channels.api.shapes import E164, Identifier, Money, Time, Zone
from topup.work.approvals import LONGEST_REASON

AutomaticState = Literal["active", "paused", "stopped"]


class StopWanted(Struct, frozen=True, forbid_unknown_fields=True):
    """Why an automatic top-up is stopped."""

    reason: Annotated[
        str,
        Meta(min_length=1, max_length=LONGEST_REASON, description="Kept in the audit trail, never shown to its owner."),
    ]


class AutomaticRun(Struct, frozen=True):
    """One cause, and what came of it."""

    cause: Annotated[str, Meta(examples=["month:2026-03"])]
    state: Literal["waiting", "paying", "done", "skipped", "failed"]
    reason: Annotated[
        str,
        Meta(
            description="Why nothing was bought, or why it is tried again; `came_back` where it was paid, did not"
            " arrive, and the money went back; else empty."
        ),
    ]
    amount: Money
    due_at: Time
    ended_at: Time | None
    order_id: Annotated[str | None, Meta(description="Of the latest attempt, once it was tried.")]


class AutomaticTopUp(Struct, frozen=True):
    """A top-up that runs by itself, as its owner agreed to it. Who that is, and what they pay with, is not told."""

    id: Identifier
    number: E164
    carrier_id: Identifier
    state: AutomaticState
    reason: Annotated[
        str, Meta(description="Why it stopped, or what an active one waits for: a code; empty where nothing is known.")
    ]
    when: Annotated[
        Literal["monthly", "low", "expiry", "keep"],
        Meta(description="`keep`: in time before the number would be lost."),
    ]
    day: Annotated[int | None, Meta(description="`monthly`: of the month; its last one where it is shorter.")]
    days_early: Annotated[int | None, Meta(description="`monthly`, `keep`: up to so many days before.")]
    below: Annotated[Money | None, Meta(description="`low`: when less than this is left.")]
    days_before: Annotated[int | None, Meta(description="`expiry`: before credit or service ends.")]
    amount: Annotated[
        Money | None,
        Meta(description="What is bought each time; null: as much as `up_to` takes, or as keeps the number."),
    ]
    up_to: Annotated[Money | None, Meta(description="The credit it is filled up to.")]
    cap: Annotated[Money, Meta(description="At most so much in a calendar month, fees included.")]
    interval_days: Annotated[int, Meta(description="Never sooner after the last.")]
    next_at: Annotated[Time | None, Meta(description="When it runs next; null: that depends on what happens.")]
    zone: Zone
    created_at: Time
    runs: Annotated[list[AutomaticRun], Meta(description="The latest first, up to 24.")]


class AutomaticTopUps(Struct, frozen=True):
    """What tops a number up by itself, oldest first, whoever agreed to it."""

    automatic: list[AutomaticTopUp]
