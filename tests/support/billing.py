"""What a provider's bills say of something that was done a moment ago, whatever the hour it was done at."""

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any

from topup.fulfilment.ports import CarrierBillUnavailable
from topup.payments.ports import BillUnavailable


async def bill_around(plugin: Any, day: date | None = None) -> list[Any]:
    """The bills of the day (today's, where none is named), of the one before and of the one after.

    Each provider has its own midnight, it may have passed since, and a provider need not have a bill of each day.
    """
    middle = day or datetime.now(UTC).date()
    lines: list[Any] = []
    for days in (-1, 0, 1):
        with suppress(BillUnavailable, CarrierBillUnavailable):
            lines += await plugin.bill(middle + timedelta(days=days))
    return lines
