"""A price before it is paid, laid out: every line, what arrives, and each way to pay with its sum."""

from collections.abc import Sequence
from dataclasses import dataclass

from topup.channels.web.wording import Said, Wording
from topup.kernel.errors import Unavailable
from topup.orders.views import MethodView, QuoteGrant, QuoteView


@dataclass(frozen=True, slots=True)
class LineRow:
    """A line of the price; `off` marks what is taken off."""

    label: str
    amount: str
    off: bool


@dataclass(frozen=True, slots=True)
class GrantRow:
    """What will be there, until when, and why then."""

    what: str
    until: str
    why: list[str]


@dataclass(frozen=True, slots=True)
class QuoteSheet:
    """The price of one top-up."""

    id: str
    number: str
    carrier: str
    lines: list[LineRow]
    grants: list[GrantRow]
    holds_until: str


@dataclass(frozen=True, slots=True)
class MethodRow:
    """A way to pay. `place` counts the open ones from 1: the stylesheet shows the sum of the one that is chosen."""

    id: str
    name: str
    fee: str
    fee_label: str
    total: str
    open: bool
    why_not: str
    place: int
    chosen: bool


@dataclass(frozen=True, slots=True)
class Question:
    """Something the payer is asked before paying."""

    id: str
    text: str
    confirmed: bool


@dataclass(frozen=True, slots=True)
class Answers:
    """What the payer filled in so far, and what is to be said about it."""

    method: str = ""
    contact: str = ""
    questions: Sequence[Question] = ()
    confirmed: Sequence[str] = ()
    """What was confirmed already and need not be asked again on this page."""
    contact_wrong: Said | None = None


def quote_sheet(quote: QuoteView, wording: Wording) -> QuoteSheet:
    """A price in the reader's words. The fee of a way to pay is not among the lines: it stands with the way."""
    lines = [line for line in quote.lines if line.type != "payment_fee"]
    return QuoteSheet(
        id=quote.id,
        number=quote.msisdn.grouped(),
        carrier=wording.name(quote.carrier_names),
        lines=[
            LineRow(
                wording.line(line.type, line.label, line.parameters),
                wording.money(line.amount),
                line.amount.amount_minor < 0,
            )
            for line in lines
        ],
        grants=grant_rows(quote.grants, quote.zone, wording),
        holds_until=wording.clock(quote.expires_at, quote.zone, today=quote.created_at),
    )


def grant_rows(grants: Sequence[QuoteGrant], zone: str, wording: Wording) -> list[GrantRow]:
    """What will be there. What all of them share is explained once, with the last."""
    whys = [wording.why(grant) for grant in grants]
    return [
        GrantRow(
            wording.amount(grant.asset, grant.amount),
            wording.end(grant, zone),
            [sentence for sentence in why if not any(sentence in later for later in whys[place + 1 :])],
        )
        for place, (grant, why) in enumerate(zip(grants, whys, strict=True))
    ]


def method_rows(methods: Sequence[MethodView], wording: Wording, *, wish: str = "") -> list[MethodRow]:
    """The ways to pay; the one wished for is chosen, else the first that is open."""
    ways = [method.method for method in methods if method.unavailable is None]
    chosen = wish if wish in ways else next(iter(ways), "")
    return [
        MethodRow(
            id=method.method,
            name=wording.method(method.method),
            fee=wording.money(method.fee) if method.fee.amount_minor else "",
            fee_label=wording.line("payment_fee", "", {"method": method.method}),
            total=wording.money(method.total),
            open=method.method in ways,
            why_not=wording.problem(Unavailable(method.unavailable)).title if method.unavailable else "",
            place=ways.index(method.method) + 1 if method.method in ways else 0,
            chosen=method.method == chosen,
        )
        for method in methods
    ]
