"""A bank's own CSV, read as a stream by the mapping in the settings."""

import csv
import io
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from itertools import islice
from typing import BinaryIO, Final, Protocol

from topup.kernel.money import InvalidMoney, Money, exponent
from topup.payments.transfers.entries import Entry, StatementUnreadable

_LONGEST_FIELD: Final = 64 * 1024
_GROUPING: Final = {".": ",", ",": "."}
"""What parts thousands, by what parts the decimals."""


class Mapped(Protocol):
    """What the columns of the file are called; `methods.settings.CsvMapping` says more."""

    @property
    def date(self) -> str: ...  # noqa: D102 - see above
    @property
    def date_format(self) -> str: ...  # noqa: D102
    @property
    def amount(self) -> str: ...  # noqa: D102
    @property
    def credit(self) -> str: ...  # noqa: D102
    @property
    def debit(self) -> str: ...  # noqa: D102
    @property
    def currency(self) -> str: ...  # noqa: D102
    @property
    def reference(self) -> str: ...  # noqa: D102
    @property
    def text(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def payer(self) -> str: ...  # noqa: D102
    @property
    def payer_account(self) -> str: ...  # noqa: D102
    @property
    def delimiter(self) -> str: ...  # noqa: D102
    @property
    def decimal(self) -> str: ...  # noqa: D102
    @property
    def encoding(self) -> str: ...  # noqa: D102
    @property
    def skip_lines(self) -> int: ...  # noqa: D102


def read_csv(stream: BinaryIO, mapping: Mapped, *, account: str, currency: str) -> Iterator[Entry]:
    """The entries of a bank's CSV of `account`, in its order; `currency` where no column says it.

    Raises StatementUnreadable, with the line, after those that could be read.
    """
    csv.field_size_limit(_LONGEST_FIELD)
    text = io.TextIOWrapper(stream, encoding=mapping.encoding, newline="")
    try:
        for _ in islice(text, mapping.skip_lines):
            pass
        rows = csv.DictReader(text, delimiter=mapping.delimiter, strict=True)
        _check(rows.fieldnames or (), mapping)
        for row in rows:
            if any(row.values()):
                yield _entry(row, mapping, account, currency, rows.line_num + mapping.skip_lines)
    except (UnicodeError, LookupError) as error:
        raise StatementUnreadable(f"not {mapping.encoding}: {type(error).__name__}") from None
    except csv.Error as error:
        raise StatementUnreadable(str(error)) from None
    finally:
        text.detach()


def _check(names: object, mapping: Mapped) -> None:
    wanted = [mapping.date, mapping.amount, mapping.credit, mapping.debit, mapping.currency, mapping.reference]
    wanted += [*mapping.text, mapping.payer, mapping.payer_account]
    missing = sorted({name for name in wanted if name} - set(names if isinstance(names, list) else ()))
    if missing:
        raise StatementUnreadable(f"columns are missing: {', '.join(missing)}")


def _entry(row: Mapping[str, str], mapping: Mapped, account: str, currency: str, line: int) -> Entry:
    try:
        amount = _signed(row, mapping)
        code = row[mapping.currency].strip().upper() if mapping.currency else currency
        minor = amount.scaleb(exponent(code))
        if minor != minor.to_integral_value():
            raise InvalidMoney("more decimals than the currency has")
        return Entry(
            account=account,
            bank_reference=row[mapping.reference].strip()[:100] if mapping.reference else "",
            amount=Money(abs(int(minor)), code),
            incoming=amount > 0,
            returned=False,
            booked_on=datetime.strptime(row[mapping.date].strip(), mapping.date_format).date(),  # noqa: DTZ007 - a day
            booked_at=None,
            text="\n".join(row[name].strip() for name in mapping.text if row[name]),
            payer=row[mapping.payer].strip() if mapping.payer else "",
            payer_account=row[mapping.payer_account].strip() if mapping.payer_account else "",
        )
    except (ValueError, ArithmeticError, AttributeError, TypeError) as error:
        # A short row has None in its last columns.
        raise StatementUnreadable(f"a line cannot be read: {error}", line=line) from None


def _signed(row: Mapping[str, str], mapping: Mapped) -> Decimal:
    if mapping.amount:
        return _number(row[mapping.amount], mapping.decimal)
    credit = row[mapping.credit].strip()
    if credit:
        return _number(credit, mapping.decimal)
    return -abs(_number(row[mapping.debit], mapping.decimal))


def _number(text: str, decimal: str) -> Decimal:
    plain = text.strip().replace(_GROUPING[decimal], "").replace(" ", "").replace("\xa0", "").replace(decimal, ".")
    try:
        number = Decimal(plain)
    except InvalidOperation:
        raise InvalidMoney("not an amount") from None
    if not number.is_finite():
        raise InvalidMoney("not an amount")
    return number
