"""An agent's statement as a file: CSV that every spreadsheet opens."""

import re
from collections.abc import Sequence
from datetime import date
from typing import Final

from topup.kernel.errors import Invalid
from topup.kernel.money import Money
from topup.orders.agents.statements import Line, Statement
from topup.platform.i18n import translate
from topup.platform.spreadsheets import as_csv

_TEXTS: Final = "agents"
_COLUMNS: Final = ("at", "what", "reference", "amount", "after", "currency")
_MONTH: Final = re.compile(r"20\d\d-(0[1-9]|1[0-2])", re.ASCII)


def purpose_text(purpose: str, locale: str) -> str:
    """What moved a float, in words."""
    return translate(locale, _TEXTS, f"purpose.{purpose}")


def statement_csv(statement: Statement, lines: Sequence[Line], locale: str) -> bytes:
    """Opening, every movement with what there was after it, closing: in the agent's zone, amounts in major units."""
    agent = statement.agent
    currency = agent.currency
    zone = statement.since.tzinfo

    def row(line: Line) -> tuple[str, ...]:
        at = line.at.astimezone(zone).isoformat(sep=" ", timespec="seconds")
        amounts = (Money(line.minor, currency).to_major(), Money(line.after_minor, currency).to_major())
        return (at, purpose_text(line.purpose, locale), line.reference, *amounts, currency)

    def edge(which: str, at: str, money: Money) -> tuple[str, ...]:
        return (at, translate(locale, _TEXTS, which), "", "", money.to_major(), currency)

    header = [translate(locale, _TEXTS, f"column.{name}") for name in _COLUMNS]
    ends = [moment.isoformat(sep=" ", timespec="seconds") for moment in (statement.since, statement.until)]
    rows = [
        edge("opening", ends[0], statement.opening),
        *map(row, lines),
        edge("closing", ends[1], statement.closing),
    ]
    return as_csv(header, rows)


def read_month(text: str | None) -> date | None:
    """The first day of a month written `2026-11`; None for none. Raises Invalid `month_unreadable`."""
    if not text:
        return None
    if _MONTH.fullmatch(text) is None:
        raise Invalid("month_unreadable")
    year, _, month = text.partition("-")
    return date(int(year), int(month), 1)
