"""The daily report as people keep it: a page to print, and a file for spreadsheets."""

import csv
import io
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from topup.platform.i18n import format_date, format_datetime, format_number, language_tag
from topup.reconciliation.queries import Report, Tie
from topup.reconciliation.states import remedy_of
from topup.reconciliation.wording import (
    amount_words,
    difference_rows,
    kinds_of,
    method_words,
    open_count,
    sum_rows,
    words,
)

_ENVIRONMENT: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "documents"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_COLUMNS: Final = (
    "method",
    "day",
    "class",
    "line",
    "our_id",
    "reference",
    "ours_minor",
    "ours_currency",
    "ours_state",
    "theirs_minor",
    "theirs_currency",
    "at",
    "suggested",
)


def as_html(report: Report, *, locale: str) -> str:
    """One page by itself: nothing is loaded for it, and no script runs in it."""
    zone = "UTC"

    def moment(value: Any) -> str:
        return format_datetime(value, locale, zone=zone)

    said: dict[str, Any] = {
        "lang": language_tag(locale),
        "report": report,
        "method": method_words(report.method, locale=locale),
        "day": format_date(report.day, locale, zone=zone),
        "say": lambda message_id, **parameters: words(message_id, locale=locale, **parameters),
        "moment": moment,
        "begins": report.begins.isoformat(sep=" ", timespec="minutes"),
        "ends": report.ends.isoformat(sep=" ", timespec="minutes"),
        "number": lambda value: format_number(value, locale),
        "money": lambda minor, currency: amount_words(minor, currency, locale=locale),
        "tables": [(tie, sum_rows(tie, locale=locale), _bars(tie)) for tie in report.ties],
        "rows": difference_rows(report.differences, locale=locale),
        "open": open_count(report),
        "resolved": sum(report.resolved.values()),
        "decided": sum(report.decided.values()),
    }
    return _ENVIRONMENT.get_template("report.html").render(said)


def _bars(tie: Tie) -> list[tuple[str, str, int]]:
    """The chart: each sum of payments and refunds, by whom it is said, in hundredths of the largest."""
    sums = [
        (kind, source, of[kind].minor if kind in of else 0)
        for kind in kinds_of(tie)
        for source, of in (("bill", tie.bill), ("books", tie.books), ("ledger", tie.ledger))
    ]
    most = max((abs(minor) for _, _, minor in sums), default=0) or 1
    return [(kind, source, abs(minor) * 100 // most) for kind, source, minor in sums]


def as_csv(report: Report) -> str:
    """The differences, a row each, in UTF-8 with a byte order mark, as spreadsheets want it; times in UTC.

    What a spreadsheet would take for a formula begins with an apostrophe.
    """
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(_COLUMNS)
    for one in report.differences:
        texts = (report.method, report.day.isoformat(), one.cls.value, one.kind, one.our_id, one.reference)
        writer.writerow(
            [
                *map(_harmless, texts),
                one.ours_minor,
                one.ours_currency,
                one.ours_state,
                one.theirs_minor,
                one.theirs_currency,
                one.at.isoformat(),
                remedy_of(one.cls, one.kind).value,
            ]
        )
    return "\ufeff" + file.getvalue()


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
