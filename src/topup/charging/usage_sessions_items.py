"""What a request of a session asks of the ledger."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from topup.charging.usage_booking import ACCOUNT, PURPOSE
from topup.charging.usage_facts import Purse
from topup.charging.usage_sessions_rows import Held, Meter
from topup.kernel.ids import AccountId, HoldId, LineId
from topup.ledger import Debit, Hold, Item, Release, Settle

HOLD_FOR: Final = timedelta(hours=24)
"""Holds outlive a session's deadline by hours: only if nobody looks at sessions does the ledger release them itself."""


@dataclass(slots=True)
class Promise:
    """A hold that was asked for: the place of its item, and what to note of it once the ledger gave it its id."""

    place: int
    meter: Meter
    held: Held


@dataclass(slots=True)
class Postings:
    """The items of one request, in the order they are to take effect; `charged` once something is taken."""

    lane: int
    session_id: str
    line_id: LineId
    sequence: int
    now: datetime
    items: list[Item] = field(default_factory=list)
    promises: list[Promise] = field(default_factory=list)
    charged: bool = False

    def take(self, held: Held, amount: int, meter: Meter, *, closes: bool) -> None:
        """Take an amount of a hold; with `closes` the rest goes back."""
        if amount:
            self.charged = True
            meter.note_paid(held.bucket, held.asset, held.kind, amount)
            self.items.append(
                Settle(
                    lane=self.lane,
                    key=self._key(meter),
                    purpose=PURPOSE,
                    reference=self.session_id,
                    hold_id=HoldId(held.id),
                    to_code=ACCOUNT,
                    amount=amount,
                    final=closes,
                )
            )
        elif closes:
            self.items.append(
                Release(
                    lane=self.lane,
                    key=self._key(meter),
                    purpose=PURPOSE,
                    reference=self.session_id,
                    hold_id=HoldId(held.id),
                )
            )

    def debit(self, meter: Meter, purse: Purse, amount: int) -> None:
        """Take what no hold covers."""
        self.charged = True
        meter.note_paid(purse.bucket_id, purse.asset, purse.kind, amount)
        self.items.append(
            Debit(
                lane=self.lane,
                key=self._key(meter),
                purpose=PURPOSE,
                reference=self.session_id,
                line_id=self.line_id,
                to_code=ACCOUNT,
                asset=purse.asset,
                amount=amount,
                bucket_id=AccountId(purse.bucket_id),
            )
        )

    def hold(self, meter: Meter, purse: Purse, amount: int) -> None:
        """Hold an amount of a bucket for what comes."""
        until = self.now + HOLD_FOR
        ends = None if purse.usable_until is None else purse.usable_until.timestamp()
        held = Held("", purse.bucket_id, purse.asset, purse.kind, purse.scope, ends, amount, until.timestamp())
        meter.holds.append(held)
        self.promises.append(Promise(len(self.items), meter, held))
        self.items.append(
            Hold(
                lane=self.lane,
                key=self._key(meter),
                purpose=PURPOSE,
                reference=self.session_id,
                line_id=self.line_id,
                asset=purse.asset,
                amount=amount,
                expires_at=until,
                bucket_id=AccountId(purse.bucket_id),
            )
        )

    def _key(self, meter: Meter) -> str:
        """Of an item: each request of a session is taken in once, and its items are numbered."""
        return f"{self.session_id}:{self.sequence}:{meter.group}:{len(self.items)}"
