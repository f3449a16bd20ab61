"""A price before it is paid, laid out: every line, what arrives, and each way to pay with its sum."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from topup.channels.web.sent_gifts.wording import GiftRow, gift_row
from topup.channels.web.wording import Said, Wording
from topup.kernel.errors import Unavailable
from topup.offers.answers import PointsReason
from topup.orders.offer_views import PointsView
from topup.orders.views import MethodView, QuoteGrant, QuoteView
from topup.payments.ports import Unfit


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
class CodeRow:
    """A code that was entered, or an offer that an unpaid order holds, and why it counts or does not; `order` is the
    reader's own that holds it.
    """

    code: str
    said: str
    applied: bool
    order: str = ""


@dataclass(frozen=True, slots=True)
class PointsRow:
    """The points of who is signed in: how many come of it, what those that are there could do or do, or why not. What
    does not apply is empty.
    """

    come: str
    used: str
    use: str
    why_not: str


@dataclass(frozen=True, slots=True)
class QuoteSheet:
    """The price of one top-up."""

    id: str
    number: str
    carrier: str
    lines: list[LineRow]
    grants: list[GrantRow]
    holds_until: str
    codes: list[CodeRow]
    held: list[CodeRow]
    gifts: list[GiftRow] = field(default_factory=list)
    balance: tuple[str, str] | None = None
    """For the line's owner: the credit it has, and would have."""
    points: PointsRow | None = None


@dataclass(frozen=True, slots=True)
class MethodRow:
    """A way to pay, in one currency. `place` counts the open ones from 1: the stylesheet shows the sum of the one that
    is chosen. `exchange` says how the price became the total, where that is in another currency, `rate` at which rate,
    and `source` who says so.
    """

    id: str
    name: str
    fee: str
    fee_label: str
    total: str
    open: bool
    why_not: str
    place: int = 0
    chosen: bool = False
    exchange: str = ""
    near: bool = False
    """In the currency of where the reader is."""
    rate: str = ""
    source: str = ""


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
    wrong: Mapping[str, Said] = field(default_factory=dict)
    """What is wrong, by the field it is wrong in: `contact`, `code`."""
    notice: Said | None = None
    """What changed about the price since it was looked at."""


def quote_sheet(quote: QuoteView, wording: Wording) -> QuoteSheet:
    """A price in the reader's words. The fee of a way to pay is not among the lines: it stands with the way."""
    lines = [line for line in quote.lines if line.type != "payment_fee"]
    return QuoteSheet(
        id=quote.id,
        number=quote.shown_number,
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
        gifts=[gift_row(gift, quote.zone, wording) for gift in quote.gifts],
        holds_until=wording.clock_in(quote.expires_at, quote.zone, today=quote.created_at),
        codes=[CodeRow(one.shown, wording.name(one.said), one.applied, one.held_by or "") for one in quote.codes],
        held=[
            CodeRow(wording.name(one.names), wording.name(one.said), applied=False, order=one.held_by or "")
            for one in quote.held
        ],
        balance=(wording.money(quote.credit_before), wording.money(quote.credit_after))
        if quote.credit_before and quote.credit_after
        else None,
        points=_points_row(quote.points, wording) if quote.points else None,
    )


def _points_row(points: PointsView, wording: Wording) -> PointsRow:
    spent, could = wording.points(points.spent), wording.points(points.could)
    return PointsRow(
        come=wording.text("points_come", points=wording.points(points.earned)) if points.earned else "",
        used=wording.text("points_used", points=spent, sum=wording.money(points.off)) if points.spent else "",
        use=wording.text("points_use", points=could, sum=wording.money(points.could_off))
        if points.could and not points.spent
        else "",
        why_not=_why_no_points(points, wording),
    )


def _why_no_points(points: PointsView, wording: Wording) -> str:
    if points.reason == PointsReason.TOO_FEW:
        return wording.text("points_too_few", points=wording.points(points.least))
    return wording.text("points_price_too_low") if points.reason == PointsReason.PRICE_TOO_LOW else ""


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


def method_rows(
    methods: Sequence[MethodView], wording: Wording, *, zone: str, wish: str = "", near: str = ""
) -> list[MethodRow]:
    """The ways to pay; the one wished for is chosen, else the first that is open. Of other currencies, the one that is
    paid with where the reader is, `near`, comes first.
    """
    rows = [
        row
        for method in methods
        # What only a known payer has is no way for a guest, and no reason to tell one of it.
        if method.unavailable != Unfit.PAYER
        for row in _rows_of(method, wording, zone)
    ]
    rows.sort(key=lambda row: (bool(row.exchange), chosen_way(row.id)[1] != near))
    ways = [row.id for row in rows if row.open]
    chosen = wish if wish in ways else next(iter(ways), "")
    return [
        replace(
            row,
            place=ways.index(row.id) + 1 if row.open else 0,
            chosen=row.open and row.id == chosen,
            near=bool(row.exchange) and chosen_way(row.id)[1] == near,
        )
        for row in rows
    ]


def _rows_of(method: MethodView, wording: Wording, zone: str) -> list[MethodRow]:
    """A row for each currency that a method takes; one with the reason where it takes none."""
    name = wording.method(method.method)
    plain = MethodRow(
        id=method.method,
        name=name,
        fee=wording.money(method.fee) if method.fee.amount_minor else "",
        fee_label=wording.line("payment_fee", "", {"method": method.method}),
        total=wording.money(method.total),
        open=method.unavailable is None,
        why_not=wording.problem(Unavailable(method.unavailable)).title if method.unavailable else "",
    )
    if method.unavailable is not None:
        return [plain]
    return [
        plain
        if way.exchange is None
        else replace(
            plain,
            id=f"{method.method}:{way.amount.currency}",
            name=wording.text("method_in", method=name, currency=wording.currency(way.amount.currency)),
            total=wording.money(way.amount),
            exchange=wording.exchange(way.exchange),
            rate=wording.rate(way.exchange),
            source=wording.rate_source(way.exchange, zone),
        )
        for way in method.pay
    ]


def chosen_way(text: str) -> tuple[str, str | None]:
    """The method of a row's id, and the currency where it is not the price's."""
    method, _, currency = text.partition(":")
    return method, currency or None
