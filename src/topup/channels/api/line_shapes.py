"""How what a line has, and its standing, look in JSON; the words of `shapes` hold here too."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from topup.channels.api.shapes import E164, Carrier, Money, SaidText, SignedMoney, Time, Zone


class Bucket(Struct, frozen=True):
    """Part of what a line has. `available` of `amount` is not promised to anything yet."""

    id: str
    asset: str
    kind: str
    amount: int
    available: int
    usable_until: Annotated[Time | None, Meta(description="null: without end.")]
    text: SaidText
    rule: dict[str, Any]


class Balance(Struct, frozen=True):
    """What a line has, in the order of use. `credit` is the money that can be used now."""

    number: E164
    line_id: str
    carrier: Carrier
    status: str
    zone: Zone
    credit: SignedMoney
    buckets: list[Bucket]


class LineToDo(Struct, frozen=True):
    """What keeps a line as it is, or brings it back."""

    what: Annotated[Literal["topup", "use", "pay"], Meta(description="use: something that is charged for.")]
    least: Annotated[Money | None, Meta(description="The least top-up that helps; null: any.")]
    before: Annotated[Time | None, Meta(description="null: at any time.")]
    text: SaidText


class LineChange(Struct, frozen=True):
    """What becomes of a line if nobody uses it or tops it up."""

    at: Time
    status: str
    state: str
    reason: Annotated[str, Meta(description="Stable: what leads there, as the carrier's file calls it.")]
    closes: bool
    releases_number: bool
    text: SaidText


class LineStanding(Struct, frozen=True):
    """How a line stands and why, what to do and by when, and what will become of it."""

    number: E164
    line_id: str
    carrier: Carrier
    kind: Literal["physical", "esim", "number_keeping", "travel"]
    status: Literal["active", "low", "expiring", "one_way_blocked", "two_way_blocked", "reserved", "recycled", "barred"]
    state: Annotated[str, Meta(description="As the carrier's file calls it.")]
    since: Time
    reason: Annotated[str | None, Meta(description="What led to that state; null: the line began in it.")]
    text: SaidText
    blocks: Annotated[
        list[Literal["voice_out", "voice_in", "sms_out", "sms_in", "data", "topup"]],
        Meta(description="What cannot be done."),
    ]
    to_do: list[LineToDo]
    to_come: list[LineChange]
    released_on: Annotated[Time | None, Meta(description="When the number is free for somebody else.")]
    clocks: Annotated[dict[str, Time], Meta(description="By name, when each runs out.")]
    arrears: Money
    next_fee_at: Time | None
    zone: Zone


class KeepingTopUp(Struct, frozen=True):
    """A top-up of a row that keeps a number."""

    amount: Money
    before: Annotated[Time, Meta(description="It has to be credited before this instant.")]


class KeepingPlan(Struct, frozen=True):
    """A plan whose renewals alone keep the number."""

    id: str
    cost: Annotated[Money, Meta(description="Of all its cycles until then.")]
    cycles: int


class KeepingRenewals(Struct, frozen=True):
    """How the renewals of the line's plan come if nobody tops it up."""

    plan: Annotated[str, Meta(examples=["keep-quarterly"])]
    paid: Annotated[int, Meta(ge=0, description="So many are paid from its credit.")]
    cost: Annotated[Money, Meta(description="Of these.")]
    unpaid_at: Annotated[Time | None, Meta(description="When one is due that cannot be paid; null: none is foreseen.")]


class KeepingCounts(Struct, frozen=True):
    """Something that keeps the number, or does not."""

    what: Annotated[
        Literal["topup", "topup_plain", "use", "credit", "fee", "pack"],
        Meta(description="topup_plain: no pack. use: something that is charged for. credit: some that has not ended."),
    ]
    amount: Annotated[Money | None, Meta(description="At least; null: any.")]
    text: SaidText


class LineKeeping(Struct, frozen=True):
    """How long a number is kept, and what keeps it until the end of a day of the line's zone."""

    number: E164
    line_id: str
    until: Annotated[str, Meta(description="The day, `2027-11-05`.")]
    lost: Annotated[bool, Meta(description="Nothing brings the line back any more.")]
    serves_until: Annotated[Time | None, Meta(description="Without a top-up; null: no end is foreseen.")]
    kept_until: Annotated[Time | None, Meta(description="Without a top-up; null: no end is foreseen.")]
    months: Annotated[int | None, Meta(description="Whole months until `kept_until`.")]
    renewals: Annotated[KeepingRenewals | None, Meta(description="They are in it; null: no plan that renews.")]
    reason: Annotated[str | None, Meta(description="Stable: what the number is lost by, as in `to_come` of the line.")]
    released_on: Annotated[Time | None, Meta(description="When the number is free for somebody else.")]
    least: Annotated[
        Money | None, Meta(description="The smallest top-up now that keeps it; 0: none is needed; null: no single one.")
    ]
    row: Annotated[
        list[KeepingTopUp] | None, Meta(description="The cheapest top-ups that keep it; null: none was found.")
    ]
    total: Annotated[Money | None, Meta(description="Of the row.")]
    plans: Annotated[list[KeepingPlan], Meta(description="The cheapest first.")]
    keeps: list[KeepingCounts]
    keeps_not: list[KeepingCounts]
    zone: Zone
