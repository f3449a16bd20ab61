"""What a bank's statement says, line by line, whatever its format."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from topup.kernel.errors import Invalid
from topup.kernel.money import Money


class StatementUnreadable(Invalid):
    """`statement_unreadable`: no statement in a format we know; `reason` says what is wrong with it, and where."""

    def __init__(self, reason: str, *, line: int | None = None) -> None:
        super().__init__("statement_unreadable", reason=reason, line=line or 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One booked movement on our account.

    `bank_reference` is the bank's own id of it, empty where it gives none. `returned`: the bank says that it is a
    transfer that came back. `text` is all that might hold our reference; `payer` and `payer_account` say who sent it.
    """

    account: str
    bank_reference: str
    amount: Money
    incoming: bool
    returned: bool
    booked_on: date
    booked_at: datetime | None
    text: str
    payer: str = ""
    payer_account: str = ""

    def at(self, zone: ZoneInfo) -> datetime:
        """When it was booked; where the bank gives the day alone, its beginning: the payer was no later than that."""
        return self.booked_at or datetime.combine(self.booked_on, time.min, zone).astimezone(UTC)

    @property
    def fingerprint(self) -> bytes:
        """Of all that it says but its reference."""
        said = (
            str(self.amount.amount_minor),
            self.amount.currency,
            str(self.incoming),
            str(self.returned),
            self.booked_on.isoformat(),
            self.text,
            self.payer_account,
        )
        return hashlib.blake2b("\x1f".join(said).encode("utf-8", "replace"), digest_size=16).digest()


def each_with_reference(entries: Iterable[Entry]) -> Iterator[Entry]:
    """The same entries; one without a reference of the bank's gets one made of what it says, and of how many before it
    in this file say the very same: two like transfers are two.

    Holds eight bytes for each entry without a reference, and nothing of the others.
    """
    seen: dict[bytes, int] = {}
    for entry in entries:
        if entry.bank_reference:
            yield entry
            continue
        key = entry.fingerprint[:8]
        number = seen.get(key, 0) + 1
        seen[key] = number
        yield replace(entry, bank_reference=f"#{entry.fingerprint.hex()}-{number}")
