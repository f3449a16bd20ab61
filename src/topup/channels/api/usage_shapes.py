"""What the routes about usage take and give: records, what they cost, a line's history and events."""

from datetime import date
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from topup.channels.api.shapes import E164, PLAIN, Carrier, Currency, Money, NumberText, SaidText, Time, Zone
from topup.charging.usage.desk import MOST
from topup.charging.usage.reading import LONGEST_ID
from topup.charging.usage.reading import MOST as MOST_UNITS

Reason = Annotated[str, Meta(examples=["usage_rated", "usage_allowance"])]


class NewUsage(Struct, frozen=True, forbid_unknown_fields=True):
    """Something that was used: charged for once by its `id`, however often and whichever way it is sent."""

    id: Annotated[str, Meta(max_length=LONGEST_ID, pattern=PLAIN, description="The sender's own.", examples=["cdr-1"])]
    number: NumberText
    service: Annotated[str, Meta(max_length=16, description="voice, data, sms or mms.", examples=["voice"])]
    quantity: Annotated[
        int, Meta(ge=0, le=MOST_UNITS, description="Seconds, bytes or messages, not rounded.", examples=[61])
    ]
    at: Annotated[
        str,
        Meta(
            max_length=40,
            description="When it was used, a call: when it began. RFC 3339 with its offset.",
            examples=["2026-11-20T08:00:00Z"],
        ),
    ]
    country: Annotated[
        Annotated[str, Meta(max_length=2)] | None,
        Meta(description="ISO 3166: where the line was; left out at home.", examples=["HK"]),
    ] = None
    called: Annotated[
        Annotated[str, Meta(max_length=16)] | None,
        Meta(description="Whom: E.164 with its plus sign, or a short code.", examples=["+8613900139000"]),
    ] = None


class NewUsages(Struct, frozen=True, forbid_unknown_fields=True):
    """Records of usage, charged for in their order; a single one may also be sent bare.

    One that has not the form of a record is refused by itself, and costs the others nothing.
    """

    records: Annotated[list[NewUsage], Meta(min_length=1, max_length=MOST)]


class UsagePart(Struct, frozen=True):
    """A part of what it cost: `amount` of `asset` for `quantity` used on `day`, and why.

    Of an allowance, `bucket_id` says which; of money, `price_minor` (exact) is for `per` units. Several parts may come
    to less than a minor unit each: what is left is carried on and rounded once.
    """

    reason: Reason
    text: SaidText
    asset: str
    amount: int
    quantity: int
    day: Annotated[date, Meta(description="Of the line's calendar.")]
    bucket_id: str | None
    price_minor: Annotated[str | None, Meta(description="A decimal.", examples=["15", "0.29"])]
    per: int | None


class FreeUsage(Struct, frozen=True):
    """A part that cost nothing, and why; of a daily cap, what it would have cost (minor units, a decimal)."""

    reason: Reason
    text: SaidText
    quantity: int
    day: Annotated[date, Meta(description="Of the line's calendar.")]
    waived_minor: str | None


class UsagePaid(Struct, frozen=True):
    """What a bucket gave."""

    bucket_id: str
    kind: str
    asset: str
    amount: int
    text: SaidText


class Usage(Struct, frozen=True):
    """Something that was used: what it cost, from which buckets, and what was free."""

    id: str
    source: Annotated[Literal["api", "file", "session"], Meta(description="Which way it came.")]
    number: E164
    service: Annotated[str, Meta(examples=["voice", "data", "sms", "mms"])]
    quantity: int
    counted: Annotated[int, Meta(description="In whole steps.")]
    text: SaidText
    at: Time
    country: str
    called: str | None
    rate: Annotated[str, Meta(description="Its id in the carrier's file.")]
    rate_version: Annotated[int, Meta(description="Of the carrier's file.")]
    cost: Annotated[Money, Meta(description="In money.")]
    charges: list[UsagePart]
    free: list[FreeUsage]
    paid: list[UsagePaid]
    rated_at: Time


class UsageResult(Struct, frozen=True):
    """What became of a record: `rated`, with the usage, or `refused`, with the reason; then nothing has changed.

    `replayed`: it was charged for before. A refused record may be sent again, with another Idempotency-Key.
    """

    id: Annotated[str | None, Meta(description="The sender's own; null where it cannot be read.", examples=["cdr-1"])]
    status: Literal["rated", "refused"]
    replayed: bool
    usage: Usage | None
    reason: Annotated[str | None, Meta(examples=["insufficient_funds", "rate_missing", "line_blocked"])]
    who_must_act: Literal["you", "us", "carrier", "wait"] | None
    text: SaidText | None
    advice: SaidText | None
    parameters: dict[str, Any]


class UsageResults(Struct, frozen=True):
    """What became of each record, in the order they were sent."""

    results: list[UsageResult]


class LineUsage(Struct, frozen=True):
    """A page of what a line used, newest first."""

    number: E164
    line_id: str
    carrier: Carrier
    zone: Zone
    currency: Currency
    usages: list[Usage]
    before: Annotated[str | None, Meta(description="Send it as `before` for the next page; null: this is the last.")]


class LineEvent(Struct, frozen=True):
    """Something a line is told of. `facts` depend on the name; members are only ever added within a `version`."""

    id: Annotated[str, Meta(examples=["evt_01m7xprzmv03t2s6sdhxcrg8x8"])]
    name: Annotated[str, Meta(examples=["low", "used_up", "expiring", "blocked", "restored"])]
    version: int
    occurred_at: Time
    text: SaidText
    facts: dict[str, Any]


class LineEvents(Struct, frozen=True):
    """A page of what a line was told of, newest first."""

    number: E164
    line_id: str
    zone: Zone
    events: list[LineEvent]
    before: Annotated[str | None, Meta(description="Send it as `before` for the next page; null: this is the last.")]
