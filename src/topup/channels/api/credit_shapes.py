"""What the routes about a line's credit take and give: buckets, holds, transfers, shares, adjustments."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from topup.channels.api.shapes import (
    E164,
    PLAIN,
    Carrier,
    Currency,
    Identifier,
    Money,
    NumberText,
    SaidText,
    SignedMoney,
    Time,
    Zone,
)
from topup.charging.adjustments import LONGEST_NOTE
from topup.kernel.money import MAXIMUM_AMOUNT


class LedgerBucket(Struct, frozen=True):
    """Part of what a line has. `held` of `amount` is promised. `ended`: past its date, and not forfeited yet;
    `closed`: empty for ever.
    """

    id: Annotated[str, Meta(examples=["acc_01m7xprzmv03t2s6sdhxcrg8x8"])]
    line_id: str
    status: Literal["usable", "ended", "closed"]
    asset: Annotated[str, Meta(description="A currency, DATA (bytes), VOICE (seconds), SMS or POINTS.")]
    kind: str
    scope: Annotated[str, Meta(description="The services and zones it serves; any: all.")]
    priority: Annotated[int, Meta(description="The lower is used first.")]
    source: Annotated[str, Meta(examples=["topup", "share", "adjustment"])]
    amount: int
    held: int
    available: int
    usable_until: Annotated[Time | None, Meta(description="null: without end.")]
    forfeit_at: Annotated[Time | None, Meta(description="null: never.")]
    opened_at: Time
    closed_at: Time | None
    text: SaidText
    why: Annotated[SaidText | None, Meta(description="Why that date.")]
    rule: Annotated[dict[str, Any], Meta(description="The rule's id and its inputs.")]


class LineHold(Struct, frozen=True):
    """Something that is promised. `settled`: of it so much was taken, the rest given back; `released`: all of it."""

    id: Annotated[str, Meta(examples=["hol_01m7xprzmv03t2s6sdhxcrg8x8"])]
    line_id: str
    status: Literal["open", "settled", "released"]
    asset: str
    amount: int
    settled: int
    purpose: str
    reference: Annotated[str, Meta(description="Whose doing it is: the id of a share, a session.")]
    created_at: Time
    expires_at: Time
    closed_at: Time | None
    text: SaidText


class LineBuckets(Struct, frozen=True):
    """What a line has in its order of use, and what of it is promised."""

    number: E164
    line_id: str
    carrier: Carrier
    zone: Zone
    buckets: list[LedgerBucket]
    holds: list[LineHold]


class Transfer(Struct, frozen=True):
    """One amount that moved between two accounts: a bucket's id, or the code of an account of ours. Never edited."""

    id: Annotated[str, Meta(examples=["trf_000000000103t2s6sdhxcrg8x8"])]
    line_id: str
    status: Literal["posted"]
    direction: Annotated[Literal["in", "out", "within"], Meta(description="As the line sees it.")]
    asset: str
    amount: int
    debit: str
    credit: str
    purpose: Annotated[str, Meta(examples=["grant", "share", "share_fee", "adjustment"])]
    reference: Annotated[str, Meta(description="Whose doing it is: the id of an order, a share, an adjustment.")]
    usable_until: Annotated[Time | None, Meta(description="The end of the bucket as this transfer left it.")]
    created_at: Time
    text: SaidText


class LineTransfers(Struct, frozen=True):
    """A page of a line's transfers, newest first."""

    number: E164
    line_id: str
    zone: Zone
    transfers: list[Transfer]
    before: Annotated[str | None, Meta(description="Send it as `before` for the next page; null: this is the last.")]


class NewShare(Struct, frozen=True, forbid_unknown_fields=True):
    """Credit to be sent to another line of the same carrier."""

    to: NumberText
    amount: Annotated[Money, Meta(description="What the receiver gets; the fee comes on top.")]
    conditions: Annotated[
        list[Literal["sender_roaming", "receiver_roaming"]],
        Meta(max_length=4, description="What the network knows of the two lines: limits may depend on it."),
    ] = []


class ShareStep(Struct, frozen=True):
    """A state a share came to, when, and the id of the reason."""

    state: str
    at: Time
    cause: str


class Share(Struct, frozen=True):
    """Credit sent from line to line. `final`: nothing more will happen."""

    id: Annotated[str, Meta(examples=["shr_01m7xprzmv03t2s6sdhxcrg8x8"])]
    status: Annotated[str, Meta(examples=["held", "credited", "shared", "returning", "returned", "refused"])]
    reason: Annotated[str | None, Meta(description="Why it was refused or went back.")]
    sender: E164
    receiver: E164
    amount: Money
    fee: Money
    total: Annotated[Money, Meta(description="What the sender pays: amount and fee.")]
    usable_until: Annotated[Time | None, Meta(description="Until when the receiver may use it.")]
    zone: Annotated[str, Meta(description="IANA time zone of the receiver's line.", examples=["Asia/Manila"])]
    timeline: list[ShareStep]
    created_at: Time
    updated_at: Time
    final: bool


class LineShares(Struct, frozen=True):
    """A page of what a line sent and was sent, newest first."""

    number: E164
    line_id: str
    shares: list[Share]
    before: Annotated[str | None, Meta(description="Send it as `before` for the next page; null: this is the last.")]


class AdjustmentAmount(Struct, frozen=True, forbid_unknown_fields=True):
    """Above zero it is given, below zero taken."""

    amount_minor: Annotated[int, Meta(ge=-MAXIMUM_AMOUNT, le=MAXIMUM_AMOUNT, examples=[500, -500])]
    currency: Currency


class NewAdjustment(Struct, frozen=True, forbid_unknown_fields=True):
    """Credit to be given to a line, or taken from it."""

    amount: AdjustmentAmount
    reason: Annotated[
        Identifier,
        Meta(examples=["goodwill", "service_failure", "correction", "fraud", "migration", "other"]),
    ]
    note: Annotated[str, Meta(max_length=LONGEST_NOTE, pattern=PLAIN, description="For the record.")] = ""


class AdjustmentRequest(Struct, frozen=True):
    """An adjustment that another person has to approve: nothing has moved before that."""

    id: Annotated[str, Meta(examples=["apr_01m7xprzmv03t2s6sdhxcrg8x8"])]
    status: Annotated[str, Meta(examples=["requested", "approved", "rejected", "withdrawn", "expired"])]
    line_id: str
    amount: SignedMoney
    reason: str
    note: str
    asked_by: Annotated[str, Meta(description="`key:` and the id of an API key, the id of staff, or `cli`.")]
    created_at: Time
    expires_at: Annotated[Time, Meta(description="Until then somebody may decide.")]
    adjustment: Annotated[str | None, Meta(description="The adjustment that was made when it was approved.")]


class Adjustment(Struct, frozen=True):
    """Credit that staff gave or took."""

    id: Annotated[str, Meta(examples=["adj_01m7xprzmv03t2s6sdhxcrg8x8"])]
    status: Annotated[str, Meta(examples=["posted", "refused"])]
    refusal: Annotated[str | None, Meta(description="Why the ledger would not have it.")]
    number: E164
    line_id: str
    amount: SignedMoney
    reason: str
    note: str
    made_by: Annotated[str, Meta(description="`key:` and the id of an API key, the id of staff, or `cli`.")]
    created_at: Time
    updated_at: Time
