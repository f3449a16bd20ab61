"""Carriers' bills of what they delivered, read as gateways' bills are: by the same sweep, day by day.

A carrier is among those who give bills as `carrier:<plugin>`, so that it is no way to pay by any accident of names.
Nothing of its bill is settled: what it says otherwise than we is for people, for money was taken for every delivery.
"""

from collections.abc import Mapping
from datetime import UTC, date, tzinfo
from typing import Final

from topup.fulfilment.ports import BillClock as CarrierClock
from topup.fulfilment.ports import Billed, Carrier, CarrierBillLine, CarrierBillUnavailable, CarrierCapability
from topup.payments.ports import BillLine, BillUnavailable, Capability

_PREFIX: Final = "carrier:"
_KINDS: Final = {Billed.DELIVERED: "delivery", Billed.REVERSED: "reversal", Billed.NOT_DELIVERED: "undelivered"}


def method_of(carrier: str) -> str:
    """What a carrier's bills are kept under."""
    return f"{_PREFIX}{carrier}"


def carrier_of(method: str) -> str | None:
    """The carrier whose bills are kept under this; None for a way to pay."""
    return method.removeprefix(_PREFIX) if method.startswith(_PREFIX) else None


class CarrierBills:
    """A carrier as one who gives bills."""

    capabilities: frozenset[Capability] = frozenset({Capability.BILL})

    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier
        self.bill_zone: tzinfo = carrier.bill_zone if isinstance(carrier, CarrierClock) else UTC

    async def bill(self, day: date) -> list[BillLine]:
        """Every line of that day by the carrier's clock. Raises BillUnavailable."""
        try:
            return [_line(one) for one in await self._carrier.bill(day)]
        except CarrierBillUnavailable as problem:
            raise BillUnavailable(str(problem)) from problem


def billing_carriers(carriers: Mapping[str, Carrier]) -> dict[str, CarrierBills]:
    """Those of the carriers that give bills, by what these are kept under."""
    return {
        method_of(name): CarrierBills(carrier)
        for name, carrier in carriers.items()
        if CarrierCapability.BILL in carrier.capabilities
    }


def _line(one: CarrierBillLine) -> BillLine:
    return BillLine(_KINDS[one.billed], one.our_id, one.reference, one.amount, one.at)
