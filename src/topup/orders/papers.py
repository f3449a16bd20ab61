"""What printers are given: a receipt, a report of a till, as papers of blocks. The words are those of the screen."""

from collections.abc import Sequence
from dataclasses import dataclass

from topup.kernel.money import Money
from topup.orders.receipt_sheet import Row, receipt_sheet
from topup.orders.views import ReceiptView
from topup.platform.i18n import format_money, translate
from topup.shops.printing.paper import Block, Code, Feed, Line, Pair, Paper, Rule

RECEIPT = "receipt"
"""The kind of a receipt's papers; their subject is the order."""


@dataclass(frozen=True, slots=True)
class Counter:
    """Where a receipt is printed: the shop's name, the till, and of a sale for cash what was taken and given back."""

    shop: str = ""
    till: str = ""
    tendered: Money | None = None
    change: Money | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """A part of a report: its heading (empty: none), its rows, and its sums, which stand out."""

    heading: str
    rows: Sequence[Row]
    sums: Sequence[Row] = ()


def receipt_paper(
    receipt: ReceiptView,
    *,
    locale: str,
    verify_url: str,
    at: Counter | None = None,
    gifts: Sequence[tuple[str, int]] = (),
    waiting: Sequence[tuple[str, int, str]] = (),
    parcels: Sequence[tuple[str, int, str]] = (),
    order_url: str = "",
    drawer: bool = False,
) -> Paper:
    """A receipt; its code leads to `verify_url`. `gifts` are what was handed over with it, and how many; `waiting`
    what is still to be fetched, and until when; `parcels` what is sent by post once somebody says where to, until when,
    on the order's page, `order_url`; `drawer`: the cash drawer opens with it.
    """
    sheet = receipt_sheet(receipt, locale=locale)
    at = at or Counter()
    blocks: list[Block] = [Line(text=at.shop, align="centre")] if at.shop else []
    blocks += [
        Line(text=sheet.title, align="centre", size=2, strong=True),
        Line(text=sheet.number, align="centre"),
        Feed(),
        Line(text=sheet.total, align="centre", size=2, strong=True),
        Line(text=sheet.summary, align="centre"),
        Rule(),
        Line(text=sheet.price, strong=True),
        *_pairs(sheet.lines),
        Rule(),
        Pair(label=sheet.paid, value=sheet.total, strong=True),
        *_pairs(_cash(at, locale)),
        *_pairs(sheet.refunded, strong=True),
        Rule(),
        *([Line(text=sheet.credited, strong=True), *_pairs(sheet.grants), Rule()] if sheet.grants else []),
        *_pairs([Row(translate(locale, "printing", "gift"), f"{name} × {quantity}") for name, quantity in gifts]),
        *_pairs(
            [
                Row(translate(locale, "printing", "gift_waiting", day=day), f"{name} × {quantity}")
                for name, quantity, day in waiting
            ]
        ),
        *_pairs(
            [
                Row(translate(locale, "printing", "gift_sent", day=day), f"{name} × {quantity}")
                for name, quantity, day in parcels
            ]
        ),
        *_pairs(sheet.facts),
        *_pairs([Row(translate(locale, "printing", "till"), at.till)] if at.till else []),
        Feed(),
        Code(data=verify_url),
        Line(text=sheet.verify, align="centre", strong=True),
        Line(text=sheet.verify_hint, align="centre"),
    ]
    if order_url:
        where = translate(locale, "printing", "gift_address")
        blocks += [Feed(), Code(data=order_url), Line(text=where, align="centre", strong=True)]
    return Paper(title=f"{sheet.title} {sheet.number}", locale=locale, blocks=tuple(blocks), drawer=drawer)


def report_paper(*, title: str, lead: Sequence[str], groups: Sequence[Group], locale: str) -> Paper:
    """A report: its title, what it is of (a line each), and its groups."""
    blocks: list[Block] = [Line(text=title, align="centre", size=2, strong=True)]
    blocks += [Line(text=text, align="centre") for text in lead]
    for group in groups:
        blocks.append(Rule())
        if group.heading:
            blocks.append(Line(text=group.heading, strong=True))
        blocks += [*_pairs(group.rows), *_pairs(group.sums, strong=True)]
    return Paper(title=title, locale=locale, blocks=tuple(blocks))


def trial_paper(*, till: str, locale: str, at: str) -> Paper:
    """What shows that a printer prints: text, an amount at the right edge, and a code."""

    def text(message_id: str) -> str:
        return translate(locale, "printing", message_id)

    return Paper(
        title=text("test.title"),
        locale=locale,
        blocks=(
            Line(text=text("test.title"), align="centre", size=2, strong=True),
            Line(text=at, align="centre"),
            Rule(),
            Pair(label=text("till"), value=till),
            Pair(label=text("test.amount"), value=format_money(Money(123_456, "CNY"), locale), strong=True),
            Line(text=text("test.text")),
            Code(data=f"topup:{till}"),
        ),
    )


def _pairs(rows: Sequence[Row], *, strong: bool = False) -> list[Block]:
    return [Pair(label=row.label, value=row.value, strong=strong) for row in rows]


def _cash(at: Counter, locale: str) -> list[Row]:
    if at.tendered is None or at.change is None:
        return []
    return [
        Row(translate(locale, "printing", "tendered"), format_money(at.tendered, locale)),
        Row(translate(locale, "printing", "change"), format_money(at.change, locale)),
    ]
