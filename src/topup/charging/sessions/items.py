"""What a request of a session asks of the ledger."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from topup.charging.sessions.rows import Held, Meter
from topup.charging.usage.booking import ACCOUNT, PURPOSE
from topup.charging.usage.facts import Purse
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
    """The items of one request, in the order they are to take effect; `charged` once something is taken.

    `taken` is how much, by asset, of what has not ended: what the line can use is less by it.
    """

    lane: int
    session_id: str
    line_id: LineId
    sequence: int
    now: datetime
    items: list[Item] = field(default_factory=list)
    promises: list[Promise] = field(default_factory=list)
    charged: bool = False
    taken: dict[str, int] = field(default_factory=dict)

    def take(self, held: Held, amount: int, meter: Meter, *, closes: bool) -> None:
        """Take an amount of a hold; with `closes` the rest goes back."""
        if amount:
            self._note(held.asset, amount, lasts=self.lasts(held))
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
        self._note(purse.asset, amount, lasts=purse.usable_until is None or purse.usable_until > self.now)
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

    def lasts(self, held: Held) -> bool:
        """Whether the time of what is held has not come."""
        return held.ends is None or held.ends > self.now.timestamp()

    def _note(self, asset: str, amount: int, *, lasts: bool) -> None:
        self.charged = True
        if lasts:
            self.taken[asset] = self.taken.get(asset, 0) + amount

    def _key(self, meter: Meter) -> str:
        """Of an item: each request of a session is taken in once, and its items are numbered."""
        return f"{self.session_id}:{self.sequence}:{meter.group}:{len(self.items)}"
