"""How a day's bill held against our books looks in JSON."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from topup.channels.api.shapes import SaidText, Time

_Class = Literal["missing_here", "missing_there", "amount", "currency", "status", "duplicate", "fee", "ledger"]
_Remedy = Literal[
    "take_in", "ask_provider", "correct_amount", "ask_again", "claim_back", "check_terms", "refuse_charge",
    "ask_carrier", "audit",
]  # fmt: skip
Minor = Annotated[int, Meta(description="Minor units of the currency.")]


class BillSum(Struct, frozen=True):
    """So many movements, and what they come to."""

    count: int
    amount_minor: Minor


class BillTie(Struct, frozen=True):
    """The sums of one currency: by the provider's bill, by our books, and in the ledger's clearing account."""

    currency: str
    bill: Annotated[dict[str, BillSum], Meta(description="By kind: payment, refund, dispute, other, fee.")]
    books: dict[str, BillSum]
    ledger: dict[str, BillSum]
    explained_minor: Annotated[
        int, Meta(description="By how much the differences make the bill's payments less refunds more than ours.")
    ]
    returned_minor: Annotated[int, Meta(description="Refunds that failed and came back.")]
    unexplained_minor: Annotated[int, Meta(description="Zero, always.")]
    due_minor: Annotated[
        int, Meta(description="What the bill makes due to us for the day, fees and disputes taken off.")
    ]
    posted: Annotated[dict[str, Minor], Meta(description="In the ledger, by account: provider_fees, disputes.")]
    clearing_minor: Annotated[int, Meta(description="What the provider owes us now, of all days.")]


class BillDifference(Struct, frozen=True):
    """What the bill and our books do not agree on; a side that has nothing of it is null."""

    difference: _Class
    line: Annotated[str, Meta(description="payment, refund or dispute.")]
    our_id: str
    reference: Annotated[str, Meta(description="The provider's.")]
    ours_minor: Minor | None
    ours_currency: str | None
    ours_state: str | None
    theirs_minor: Minor | None
    theirs_currency: str | None
    at: Time
    suggested: _Remedy
    text: SaidText
    to_do: SaidText


class BillReport(Struct, frozen=True):
    """A day of a provider, by its own clock, held against our books."""

    method: str
    day: Annotated[str, Meta(description="YYYY-MM-DD.")]
    begins: Time
    ends: Time
    lines: int
    read_at: Time
    compared_at: Time | None
    waiting: Annotated[int, Meta(description="Ours near the day's end, which the next day's bill may have.")]
    tied: Annotated[bool, Meta(description="Every sum ties, and nothing is unexplained.")]
    ties: list[BillTie]
    open: Annotated[dict[str, int], Meta(description="Open differences, by class.")]
    resolved: Annotated[dict[str, int], Meta(description="Those that a later reading did not have any more.")]
    decided: Annotated[dict[str, int], Meta(description="Those that people accepted or wrote off.")]
    differences: Annotated[list[BillDifference], Meta(description="The first thousand of those open.")]
