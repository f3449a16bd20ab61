"""What a line has, put together for whoever may see it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from topup.catalogue.queries import Snapshot
from topup.kernel.errors import NotFound
from topup.kernel.money import Money
from topup.kernel.msisdn import Msisdn
from topup.ledger.queries import Bucket, buckets
from topup.lines.queries import lines_now
from topup.orders.balance_views import BalanceView, BucketView
from topup.platform.database import Connection


async def balance_of(connection: Connection, msisdn: Msisdn, snapshot: Snapshot, now: datetime) -> BalanceView:
    """The balance of the line that has this number today; raises NotFound line_unknown."""
    line = (await lines_now(connection, [msisdn.e164])).get(msisdn.e164)
    carrier = snapshot.carrier(line.carrier_id) if line else None
    # A closed line may have its number still, while that waits for the next one: nobody has a balance there.
    if line is None or carrier is None or line.status == "closed":
        raise NotFound("line_unknown")
    found = (await buckets(connection, [line.ref.id])).get(line.ref.id, [])
    usable = [bucket for bucket in found if bucket.usable_until is None or bucket.usable_until > now]
    credit = sum(bucket.available for bucket in usable if bucket.asset == carrier.currency)
    return BalanceView(
        msisdn=msisdn,
        line_id=line.ref.id,
        carrier_id=carrier.carrier_id,
        carrier_names=carrier.document.names,
        status=line.status,
        zone=carrier.document.time_zone,
        credit=Money(credit, carrier.currency),
        buckets=tuple(_bucket(bucket) for bucket in usable),
    )


def _bucket(bucket: Bucket) -> BucketView:
    return BucketView(
        id=bucket.id,
        asset=bucket.asset,
        kind=bucket.kind,
        amount=bucket.balance,
        available=bucket.available,
        usable_until=bucket.usable_until,
        rule=why_of(bucket.rule),
    )


def why_of(rule: Mapping[str, Any]) -> Mapping[str, Any]:
    """A stored rule, where the inputs lie beside the id, in the shape quotes have: `id` and `inputs`."""
    if "id" not in rule:
        return rule
    return {"id": rule["id"], "inputs": {name: value for name, value in rule.items() if name != "id"}}
