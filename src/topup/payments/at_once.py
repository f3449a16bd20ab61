"""Payments that are made and paid in one transaction, of money that is there: written in the state they end in."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from topup.payments.operations import NewCapture
from topup.payments.states import PaymentState
from topup.platform.arrays import texts
from topup.platform.database import Connection

_WRITE: Final = """
WITH made AS MATERIALIZED (
    SELECT * FROM unnest(string_to_array(%s, E'\\n')::smallint[], string_to_array(%s, E'\\n'),
        string_to_array(%s, E'\\n'), string_to_array(%s, E'\\n'), string_to_array(%s, E'\\n'),
        string_to_array(%s, E'\\n')::bigint[], string_to_array(%s, E'\\n'), string_to_array(%s, E'\\n')::bigint[],
        string_to_array(%s, E'\\n'), string_to_array(%s, E'\\n'), %b::timestamptz[], %b::timestamptz[])
        AS u (lane, id, order_id, method, scene, amount_minor, currency, fee_minor, reference, disposition, expires_at,
            paid_at)
), begun AS (
    INSERT INTO payments.payments (lane, id, order_id, method, scene, amount_minor, currency, fee_minor, expires_at,
        state, created_at, state_since)
    SELECT m.lane, m.id, m.order_id, m.method, m.scene, m.amount_minor, m.currency, m.fee_minor, m.expires_at,
        %s, %s, %s FROM made AS m
)
INSERT INTO payments.captures
    (lane, payment_id, reference, amount_minor, currency, paid_at, disposition, confirmed, recorded_at)
SELECT m.lane, m.id, m.reference, m.amount_minor, m.currency, m.paid_at, m.disposition, TRUE, %s FROM made AS m
"""


async def record(connection: Connection, news: Sequence[NewCapture], now: datetime) -> None:
    """Write attempts down that are paid in the transaction that makes them, and the money that is kept of them."""
    if news:
        ends = [capture.payment.expires_at for capture in news]
        times = [capture.fact.paid_at for capture in news]
        state = PaymentState.PAID.value
        await connection.execute(_WRITE, (*texts(map(_row, news)), ends, times, state, now, now, now))


def _row(capture: NewCapture) -> tuple[Any, ...]:
    p, amount = capture.payment, capture.amount
    if (
        capture.fact.paid_at is None
        or capture.typed
        or (amount.amount_minor, amount.currency) != (p.amount_minor, p.currency)
    ):
        raise ValueError("money that comes at once is what was asked for, and nobody typed it")
    return (
        p.lane,
        p.id,
        p.order_id,
        p.method,
        p.scene.value,
        p.amount_minor,
        p.currency,
        p.fee_minor,
        capture.fact.reference,
        capture.disposition.value,
    )
