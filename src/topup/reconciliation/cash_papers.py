"""Cash by till in words: rows for a page and for paper, and a file for spreadsheets."""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from topup.kernel.money import Money
from topup.orders.till_reports import TillReport
from topup.orders.wording import method_name
from topup.payments.cash.drawer import Kept
from topup.platform.i18n import format_datetime, format_money
from topup.platform.spreadsheets import harmless
from topup.reconciliation.cash import DRAWERS, AccountTie, Cash, TillRow, TillSum
from topup.reconciliation.wording import amount_words, words

_COLUMNS: Final = (
    "closed_at", "shop", "till", "z_number", "kept_by", "currency", "float", "in", "out", "expected", "ledger",
    "counted", "difference", "counted_by", "explained_by", "reason", "session",
)  # fmt: skip
_HEADS: Final = (
    "till", "keeper", "float", "in", "out", "expected", "ledger", "counted", "difference", "explained",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads: the language, the zone that times are told in, the names of people and of shops by their ids."""

    locale: str
    zone: str
    names: Mapping[str, str]
    shops: Mapping[str, str]

    def say(self, name: str, /, **parameters: object) -> str:
        """A text about cash."""
        return words(f"cash_{name}", locale=self.locale, **parameters)

    def person(self, identifier: str | None) -> str:
        """Somebody's name; whoever has none is called by their id."""
        return self.names.get(identifier, identifier) if identifier else ""


@dataclass(frozen=True, slots=True)
class TillLine:
    """A till's row in words. `amounts` are float, in, out, expected, ledger, counted, difference: of a till that is
    still kept only the float, for it is yet to be counted.
    """

    session_id: str
    till: str
    report: str
    keeper: str
    when: str
    amounts: tuple[str, ...]
    differs: bool
    unexplained: bool
    explained: str
    item_id: str
    is_open: bool


def heads(reader: Reader) -> list[str]:
    """What the columns are called."""
    return [reader.say(name) for name in _HEADS]


def till_lines(cash: Cash, reader: Reader) -> list[TillLine]:
    """The tills in words, in the order they were counted in."""
    return [_line(row, reader) for row in cash.rows]


def sum_amounts(one: TillSum, reader: Reader) -> tuple[str, ...]:
    """The sums of a currency, as a till's amounts."""
    minors = (
        one.float_minor, one.came_minor, one.went_minor, one.expected_minor, one.ledger_minor, one.counted_minor,
        one.difference_minor,
    )  # fmt: skip
    return tuple(amount_words(minor, one.currency, locale=reader.locale) for minor in minors)


def account_rows(cash: Cash, reader: Reader) -> list[tuple[str, str, str, str, bool]]:
    """Our accounts of cash: their names, what they have by the tills and by the ledger, what is unexplained, and
    whether anything is.
    """

    def said(minor: int, currency: str) -> str:
        return amount_words(minor, currency, locale=reader.locale)

    return [
        (
            reader.say(f"account_{_account(one)}"),
            said(one.tills_minor, one.currency),
            said(one.ledger_minor, one.currency),
            said(one.unexplained_minor, one.currency),
            bool(one.unexplained_minor),
        )
        for one in cash.ties
    ]


def paper(cash: Cash, reader: Reader) -> dict[str, Any]:
    """What the paper of a period says of cash."""
    return {
        "title": reader.say("title"),
        "columns": heads(reader),
        "rows": [
            [f"{one.till}\n{one.report}", f"{one.keeper}\n{one.when}", *one.amounts, one.explained]
            for one in till_lines(cash, reader)
        ],
        "sums": [
            [reader.say("sum", count=one.counts, currency=one.currency), *sum_amounts(one, reader), ""]
            for one in cash.sums
        ],
        "accounts": {
            "title": reader.say("accounts"),
            "columns": ["", *(reader.say(name) for name in ("by_tills", "by_ledger", "unexplained"))],
            "rows": [list(row[:4]) for row in account_rows(cash, reader)],
        },
    }


def tills_csv(cash: Cash, reader: Reader) -> bytes:
    """A row for each count, amounts in major units as plain numbers, times in UTC; UTF-8 with a byte order mark, as
    spreadsheets want it.
    """
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(_COLUMNS)
    for row in cash.rows:
        till = row.till
        if till.counted_minor is None or till.closed_at is None:
            continue
        minors = (till.float_minor, till.came_minor, till.went_minor, till.expected_minor, row.ledger_minor,
                  till.counted_minor, till.difference_minor or 0)  # fmt: skip
        said = row.explained
        writer.writerow(
            [
                till.closed_at.isoformat(),
                harmless(reader.shops.get(till.shop, till.shop)),
                harmless(till.till),
                till.z_number,
                harmless(reader.person(till.kept_by)),
                till.currency,
                *(Money(minor, till.currency).to_major() for minor in minors),
                harmless(reader.person(till.counted_by)),
                harmless(reader.person(said.by) if said else ""),
                harmless((said.reason or "") if said else ""),
                till.session_id,
            ]
        )
    return ("\ufeff" + file.getvalue()).encode()


def report_heads(kept: Kept, reader: Reader) -> list[tuple[str, str]]:
    """Where and by whom a till was kept and counted, for its Z report."""
    session = kept.session
    said = [
        ("till", " · ".join(name for name in (reader.shops.get(session.shop, session.shop), session.till) if name)),
        ("keeper", reader.person(session.opened_by)),
        ("opened", format_datetime(session.opened_at, reader.locale, zone=reader.zone)),
        ("counted_by_whom", reader.person(kept.closed_by)),
    ]
    if session.closed_at:
        said.append(("closed", format_datetime(session.closed_at, reader.locale, zone=reader.zone)))
    return [(reader.say(name), value) for name, value in said]


def report_figures(kept: Kept, said: TillReport, reader: Reader) -> list[tuple[str, str]]:
    """The figures of a Z report: cash, and what was sold by each way to pay."""
    session, cash = kept.session, said.cash
    minors = [
        ("float", session.float_minor),
        ("line_sold", cash.sold_minor),
        ("line_slips", cash.slips_minor),
        ("line_cards", cash.cards_minor),
        ("line_change", cash.change_minor),
        ("line_refunded", -cash.refunded_minor),
        ("line_safe", -cash.safe_minor),
        ("line_expense", -cash.expense_minor),
        ("expected", cash.expected_minor(session)),
        ("counted", kept.counted_minor),
        ("difference", kept.difference_minor),
    ]
    rows = [(reader.say(name), amount_words(minor, session.currency, locale=reader.locale)) for name, minor in minors]
    rows += [
        (
            reader.say("sold_by", method=method_name(one.method, locale=reader.locale), count=one.sales),
            format_money(one.amount, reader.locale),
        )
        for one in said.sold
    ]
    return rows + ([(reader.say("sales_waiting"), str(said.waiting))] if said.waiting else [])


def _line(row: TillRow, reader: Reader) -> TillLine:
    till, counted = row.till, row.till.counted_minor
    minors: tuple[int | None, ...] = (till.float_minor, None, None, None, None, None, None)
    if counted is not None:
        minors = (
            till.float_minor, till.came_minor, till.went_minor, till.expected_minor, row.ledger_minor, counted,
            till.difference_minor,
        )  # fmt: skip
    keeper = reader.person(till.kept_by)
    if till.counted_by and till.counted_by != till.kept_by:
        keeper = reader.say("counted_by", keeper=keeper, who=reader.person(till.counted_by))
    shop = reader.shops.get(till.shop, till.shop)
    return TillLine(
        session_id=till.session_id,
        till=f"{shop} · {till.till}" if shop else till.till,
        report=reader.say("z", number=till.z_number) if till.z_number else reader.say("still_kept"),
        keeper=keeper,
        when=format_datetime(till.closed_at or till.opened_at, reader.locale, zone=reader.zone),
        amounts=tuple(amount_words(minor, till.currency, locale=reader.locale) for minor in minors),
        differs=bool(till.difference_minor),
        unexplained=bool(counted is not None and row.unexplained_minor),
        explained=_explained(row, reader),
        item_id=row.explained.item_id if row.explained else "",
        is_open=row.is_open,
    )


def _explained(row: TillRow, reader: Reader) -> str:
    said = row.explained
    if said is None:
        return ""
    if said.by is None:
        return reader.say("decided_by", who=reader.person(said.decided_by)) if said.decided_by else reader.say("open")
    if said.state == "open":
        return reader.say("explained_open", who=reader.person(said.by))
    return reader.say("explained_by", who=reader.person(said.by), decided=reader.person(said.decided_by))


def _account(one: AccountTie) -> str:
    return "drawers" if one.account == DRAWERS else one.account
