"""What a till's report says: the cash of its drawer, and what was sold by each way to pay.

Promise: the figures of a Z report are those of the moment when the drawer was counted. They are stored in that very
transaction and never edited, so that a reprint months later says the same, whatever became of the sales since.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from psycopg.types.json import Jsonb

from topup.kernel.money import Money
from topup.orders.counter_sales import Sold, sold_by_method, still_waiting
from topup.payments.cash import drawer
from topup.payments.cash.drawer import Figures, Kept
from topup.payments.cash.records import Session
from topup.platform.database import Connection

_STORE: Final = "INSERT INTO orders.till_reports (lane, session_id, figures, made_at) VALUES (%s, %s, %s, %s)"
_STORED: Final = "SELECT figures FROM orders.till_reports WHERE lane = %s AND session_id = %s"


@dataclass(frozen=True, slots=True)
class TillReport:
    """The figures of a till as it was kept. `waiting`: sales whose payment had not come yet, and is in no sum."""

    cash: Figures
    sold: tuple[Sold, ...]
    waiting: int


async def store(connection: Connection, session: Session, now: datetime) -> None:
    """Keep the figures of a session that is counted in this transaction: those of its Z report, for ever."""
    await connection.execute(_STORE, (session.lane, session.id, Jsonb(_body(await _made(connection, session))), now))


async def report_of(connection: Connection, kept: Kept) -> TillReport:
    """Of a till that was counted what was stored then; of one that is kept how it stands. Raises LookupError for one
    that was counted without storing them: nothing closes a drawer so.
    """
    session = kept.session
    if kept.z_number is None:
        return await _made(connection, session)
    row = await (await connection.execute(_STORED, (session.lane, session.id))).fetchone()
    if row is None:
        raise LookupError(f"no figures are stored of {session.id}")
    return _read(row[0])


async def _made(connection: Connection, session: Session) -> TillReport:
    return TillReport(
        await drawer.figures(connection, session),
        tuple(await sold_by_method(connection, session.id)),
        await still_waiting(connection, session.id),
    )


def _body(report: TillReport) -> dict[str, Any]:
    sold = [
        {
            "method": one.method,
            "sales": one.sales,
            "amount_minor": one.amount.amount_minor,
            "currency": one.amount.currency,
        }
        for one in report.sold
    ]
    return {"cash": asdict(report.cash), "sold": sold, "waiting": report.waiting}


def _read(body: dict[str, Any]) -> TillReport:
    sold = [Sold(one["method"], one["sales"], Money(one["amount_minor"], one["currency"])) for one in body["sold"]]
    return TillReport(Figures(**body["cash"]), tuple(sold), body["waiting"])
