"""What differences and sums are called, in the reader's language."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from topup.kernel.money import InvalidMoney, Money
from topup.orders.carrier_bills import carrier_of
from topup.orders.wording import method_name
from topup.platform.i18n import MissingText, format_money, has_text, translate
from topup.reconciliation.listing import Difference
from topup.reconciliation.queries import Report, Tie
from topup.reconciliation.states import DELIVERED, DifferenceClass, remedy_of

DOMAIN: Final = "reconciliation"


def words(message_id: str, /, *, locale: str, **parameters: object) -> str:
    """A text of the room; raises MissingText."""
    return translate(locale, DOMAIN, message_id, **parameters)


def class_words(cls: DifferenceClass, *, locale: str) -> str:
    """What a class of differences is."""
    return words(f"difference_{cls.value}", locale=locale)


def remedy_words(cls: DifferenceClass, kind: str, *, locale: str) -> str:
    """What is advised to be done about one, in a line of this kind."""
    return words(f"remedy_{remedy_of(cls, kind).value}", locale=locale)


def method_words(method: str, *, locale: str) -> str:
    """The name of a way to pay, or of a carrier; a way that has none is called by its code."""
    if carrier := carrier_of(method):
        return words("method_carrier", locale=locale, carrier=carrier)
    try:
        return method_name(method, locale=locale)
    except MissingText:
        return method


def kind_words(kind: str, *, locale: str) -> str:
    """What a kind of line is called; what we have no word for is called by the provider's."""
    return words(f"kind_{kind}", locale=locale) if has_text(DOMAIN, f"kind_{kind}") else kind


def amount_words(minor: int | None, currency: str | None, *, locale: str) -> str:
    """An amount as people write it; a dash for nothing."""
    if minor is None or currency is None:
        return "–"
    try:
        return format_money(Money(minor, currency), locale)
    except InvalidMoney:
        # A sum may be larger than any one amount we take.
        return f"{minor} {currency}"


@dataclass(frozen=True, slots=True)
class SumRow:
    """A row of the sums: its name, and the amounts of the bill, the books and the ledger; None: no such thing there."""

    name: str
    bill: int | None
    books: int | None
    ledger: int | None
    count: int | None = None


def kinds_of(tie: Tie) -> tuple[str, str]:
    """What comes and what goes back: a carrier's deliveries and reversals, else payments and refunds."""
    is_carriers = any(kind in of for kind in (*DELIVERED, "undelivered") for of in (tie.bill, tie.books))
    return ("delivery", "reversal") if is_carriers else ("payment", "refund")


def sum_rows(tie: Tie, *, locale: str) -> list[SumRow]:
    """The sums of a currency, in the order they are added up."""

    def minor(of: str, kind: str) -> int:
        sums = {"bill": tie.bill, "books": tie.books, "ledger": tie.ledger}[of]
        return sums[kind].minor if kind in sums else 0

    def count(kind: str) -> int:
        return tie.bill[kind].count if kind in tie.bill else 0

    def said(name: str) -> str:
        return words(name, locale=locale)

    kinds = kinds_of(tie)
    carriers = kinds[0] in DELIVERED
    moved = [
        *(
            SumRow(said(f"kind_{kind}"), minor("bill", kind), minor("books", kind), minor("ledger", kind), count(kind))
            for kind in kinds
        ),
        SumRow(said("sum_delivered" if carriers else "sum_moved"), tie.moved_minor, tie.booked_minor, tie.ledger_minor),
        SumRow(said("sum_explained"), tie.explained.minor, None, None),
        *([] if carriers else [SumRow(said("sum_returned"), tie.returned.minor, None, None, tie.returned.count)]),
        SumRow(said("sum_unexplained"), tie.unexplained_minor, None, None),
    ]
    if carriers:
        undelivered = SumRow(said("kind_undelivered"), minor("bill", "undelivered"), None, None, count("undelivered"))
        return [*moved, undelivered, SumRow(said("sum_payable"), None, None, tie.clearing_minor)]
    return [
        *moved,
        SumRow(said("kind_dispute"), minor("bill", "dispute"), None, tie.posted.get("disputes", 0), count("dispute")),
        SumRow(said("kind_fee"), minor("bill", "fee"), None, tie.posted.get("provider_fees", 0), count("fee")),
        SumRow(said("kind_other"), minor("bill", "other"), None, None, count("other")),
        SumRow(said("sum_due"), tie.due_minor, None, None),
        SumRow(said("sum_clearing"), None, None, tie.clearing_minor),
    ]


@dataclass(frozen=True, slots=True)
class DifferenceRow:
    """A difference in words."""

    cls: str
    line: str
    number: str
    reference: str
    ours: str
    theirs: str
    at: datetime
    todo: str


def difference_rows(differences: Sequence[Difference], *, locale: str) -> list[DifferenceRow]:
    """Differences in words."""
    return [
        DifferenceRow(
            class_words(one.cls, locale=locale),
            kind_words(one.kind, locale=locale),
            one.our_id or "–",
            one.reference or "–",
            _ours(one, locale),
            amount_words(one.theirs_minor, one.theirs_currency, locale=locale),
            one.at,
            remedy_words(one.cls, one.kind, locale=locale),
        )
        for one in differences
    ]


def _ours(one: Difference, locale: str) -> str:
    amount = amount_words(one.ours_minor, one.ours_currency, locale=locale)
    return f"{amount} ({one.ours_state})" if one.ours_minor is None and one.ours_state else amount


def open_count(report: Report) -> int:
    """How many differences are open."""
    return sum(report.open.values())
