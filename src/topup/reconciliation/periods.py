"""All ways to pay of a day or a period beside each other: what the other side says was taken, what our books and the
ledger have, what differs, what is open, and who answers. On paper and in files the sums are the ledger's.
"""

import asyncio
import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Any, Final

import typst

from topup.kernel.money import Money
from topup.orders.receipt_pdf import DOCUMENTS as FONTS
from topup.platform.database import Connection
from topup.platform.i18n import format_date, format_datetime, language_tag
from topup.platform.spreadsheets import harmless
from topup.reconciliation.cash import Cash
from topup.reconciliation.cash_papers import Reader, paper
from topup.reconciliation.signing import DayCell, grid
from topup.reconciliation.wording import amount_words, method_words, words

LONGEST: Final = timedelta(days=366)
_SIDES: Final = """
SELECT method, day, currency,
    coalesce(sum(minor) FILTER (WHERE figure IN ('bill_payment', 'bill_delivery')), 0)::bigint
        - coalesce(sum(minor) FILTER (WHERE figure IN ('bill_refund', 'bill_reversal')), 0)::bigint,
    coalesce(sum(minor) FILTER (WHERE figure IN ('books_payment', 'books_delivery')), 0)::bigint
        - coalesce(sum(minor) FILTER (WHERE figure IN ('books_refund', 'books_reversal')), 0)::bigint,
    coalesce(sum(minor) FILTER (WHERE figure IN ('ledger_payment', 'ledger_delivery')), 0)::bigint
        - coalesce(sum(minor) FILTER (WHERE figure IN ('ledger_refund', 'ledger_reversal')), 0)::bigint,
    coalesce(sum(minor) FILTER (WHERE figure = 'bill_fee'), 0)::bigint
FROM reconciliation.totals WHERE day >= %s AND day <= %s
GROUP BY method, day, currency ORDER BY day, method, currency
"""
_DOCUMENT: Final = Path(__file__).parent / "documents" / "period.typ"
_COLUMNS: Final = ("day", "method", "currency", "bill", "books", "ledger", "difference", "fee", "open", "signed")
# As for receipts: a compiler keeps its fonts, and compiles one document at a time.
_lock: Final = Lock()
_compilers: Final[list[typst.Compiler]] = []


@dataclass(frozen=True, slots=True)
class Side:
    """A way to pay on a day, in one currency, in minor units: payments less refunds as the other side says them, as our
    books count them, and as their transfers come to; and what the provider kept. `cell` says what is open and who
    signed.
    """

    method: str
    day: date
    currency: str
    bill_minor: int
    books_minor: int
    ledger_minor: int
    fee_minor: int
    cell: DayCell

    @property
    def difference_minor(self) -> int:
        """What the other side has more than we."""
        return self.bill_minor - self.books_minor


@dataclass(frozen=True, slots=True)
class Whole:
    """A way to pay over the period, in one currency; as `Side`, added up."""

    method: str
    currency: str
    bill_minor: int
    books_minor: int
    ledger_minor: int
    fee_minor: int
    open: int
    unsigned: int
    """Days that nobody answers for."""

    @property
    def difference_minor(self) -> int:
        """What the other side has more than we."""
        return self.bill_minor - self.books_minor


async def sides(connection: Connection, *, since: date, until: date) -> list[Side]:
    """Every way to pay whose day was read, of the days from `since` to `until`, both of them."""
    cells = {(one.method, one.day): one for one in await grid(connection, since=since - timedelta(days=1), until=until)}
    cursor = await connection.execute(_SIDES, (since, until))
    return [
        Side(method, day, currency, bill, books, ledger, fee, cells[method, day])
        for method, day, currency, bill, books, ledger, fee in await cursor.fetchall()
        if (method, day) in cells
    ]


async def without_sums(connection: Connection, found: Sequence[Side], *, since: date, until: date) -> tuple[int, int]:
    """How many bills of these days were read of which nothing is `found`: those on which nothing moved, with neither
    side, and those that were not held against the books yet.
    """
    moved = {(one.method, one.day) for one in found}
    read = await grid(connection, since=since - timedelta(days=1), until=until)
    compared = [one.compared for one in read if (one.method, one.day) not in moved]
    return sum(compared), len(compared) - sum(compared)


def wholes(found: Sequence[Side]) -> list[Whole]:
    """The sums by way to pay and currency."""
    places = sorted({(one.method, one.currency) for one in found})
    return [_whole([one for one in found if (one.method, one.currency) == place]) for place in places]


def _whole(of: Sequence[Side]) -> Whole:
    return Whole(
        of[0].method,
        of[0].currency,
        sum(one.bill_minor for one in of),
        sum(one.books_minor for one in of),
        sum(one.ledger_minor for one in of),
        sum(one.fee_minor for one in of),
        sum(one.cell.open for one in of),
        sum(one.cell.signed_by is None or one.cell.changed for one in of),
    )


def period_csv(found: Sequence[Side], names: Mapping[str, str]) -> bytes:
    """A row for each way to pay, day and currency, amounts in major units as plain numbers; UTF-8 with a byte order
    mark, as spreadsheets want it. `names` are those of who signed.
    """
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(_COLUMNS)
    for one in found:
        amounts = (one.bill_minor, one.books_minor, one.ledger_minor, one.difference_minor, one.fee_minor)
        majors = [Money(minor, one.currency).to_major() for minor in amounts]
        signed = harmless(_signer(one.cell, names))
        writer.writerow([one.day.isoformat(), harmless(one.method), one.currency, *majors, one.cell.open, signed])
    return ("\ufeff" + file.getvalue()).encode()


async def period_pdf(found: Sequence[Side], cash: Cash, reader: Reader, *, period: str, now: datetime) -> bytes:
    """The same to print and sign, with the sums by way to pay, and cash by till; `period` in words. In a thread."""
    sheet = period_sheet(found, cash, reader, period=period, now=now)
    return await asyncio.to_thread(_render, sheet, int(now.timestamp()))


def period_sheet(found: Sequence[Side], cash: Cash, reader: Reader, *, period: str, now: datetime) -> dict[str, Any]:
    """Everything the paper says, in words."""
    locale, zone, names = reader.locale, reader.zone, reader.names

    def said(message_id: str, **parameters: object) -> str:
        return words(f"period_{message_id}", locale=locale, **parameters)

    return {
        "lang": language_tag(locale).split("-")[0],
        "title": said("title"),
        "period": period,
        "made": said("made", at=format_datetime(now, locale, zone=zone), zone=zone),
        "columns": [
            said(name) for name in ("day", "method", "bill", "books", "ledger", "difference", "open", "signed")
        ],
        "rows": [
            [
                format_date(one.day, locale, zone="UTC"),
                method_words(one.method, locale=locale),
                *(amount_words(minor, one.currency, locale=locale) for minor in _amounts(one)),
                str(one.cell.open),
                _signer(one.cell, names),
            ]
            for one in found
        ],
        "sums": [
            [
                said("sum", method=method_words(one.method, locale=locale), currency=one.currency),
                *(amount_words(minor, one.currency, locale=locale) for minor in _amounts(one)),
                str(one.open),
                said("unsigned", count=one.unsigned) if one.unsigned else "",
            ]
            for one in wholes(found)
        ],
        "none": said("none"),
        "cash": paper(cash, reader),
        "note": said("note"),
    }


def _amounts(one: Side | Whole) -> tuple[int, int, int, int]:
    return one.bill_minor, one.books_minor, one.ledger_minor, one.difference_minor


def _signer(cell: DayCell, names: Mapping[str, str]) -> str:
    """Who answers for the bill as it is now; nobody where it changed since."""
    return names.get(cell.signed_by, cell.signed_by) if cell.signed_by and not cell.changed else ""


def _render(sheet: dict[str, Any], made: int) -> bytes:
    inputs = {"sheet": json.dumps(sheet, ensure_ascii=False)}
    with _lock:
        if not _compilers:
            _compilers.append(typst.Compiler(_DOCUMENT, root=_DOCUMENT.parent, font_paths=[FONTS]))
        pdf = _compilers[0].compile(format="pdf", sys_inputs=inputs, timestamp=made)
    assert isinstance(pdf, bytes)  # noqa: S101 - a PDF is one file, whatever its pages
    return pdf
