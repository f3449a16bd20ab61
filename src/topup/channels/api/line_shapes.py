"""How a line's standing looks in JSON; the words of `shapes` hold here too."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from topup.channels.api.shapes import E164, Carrier, Money, SaidText, Time, Zone


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
