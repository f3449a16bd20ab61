"""The hash chain of a lane, computed a second time: ledger/posting.sql makes it, this reads it again for the audit.

What one call appended to a lane is a link: its hash, which its last transfer carries, is SHA-256 over the link
before and the canonical lines of its transfers, a line each. A canonical line has all a transfer says, instants in
microseconds, with a space between; no item's text has one (ledger/items.py), so a row whose line has more of them was
not posted, and no two rows that were have one line. A lane begins with the hash of its name.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

_INSTANT: Final = "(extract(epoch FROM {}) * 1000000)::bigint"
UNTIL_US: Final = _INSTANT.format("t.usable_until")
"""The end of a transfer's validity in microseconds since 1970, as SQL over a row `t` of ledger.transfers."""

_SPACES: Final = 13
"""In a canonical line."""

REFERENCE: Final = "coalesce(t.reference, split_part(t.key, ':', 1))"
"""A transfer's reference, as SQL over a row `t` of ledger.transfers."""

LINE: Final = f"""
    concat_ws(' ', t.lane, t.sequence, t.leg, t.amount, {_INSTANT.format("t.created_at")},
        coalesce({UNTIL_US}::text, '-'), encode(t.fingerprint, 'hex'), t.asset, t.debit, t.credit,
        coalesce(t.line_id, '-'), t.key, t.purpose, {REFERENCE})
"""
"""The canonical line of a row `t` of ledger.transfers, as SQL.

The database writes it out, with its built-in functions alone (nothing of the schema `ledger`, which whoever tampers may
replace), and Python hashes it. Asking for the columns would not be safer, only three times slower: whoever can make
PostgreSQL itself lie about `concat_ws` can make it lie about a column. What the database must not do is the hashing,
for then it would say of itself that it is right.
"""


def genesis(lane: int) -> bytes:
    """The hash before a lane's first transfer."""
    return sha256(f"topup ledger lane {lane}".encode()).digest()


def link_hash(before: bytes, lines: Sequence[str]) -> bytes | None:
    """The hash of a link after the hash `before`, from its transfers' canonical lines in order; None where a text has
    what no item's text has.
    """
    text = "\n".join(lines)
    if text.count(" ") != _SPACES * len(lines) or text.count("\n") != len(lines) - 1:
        return None
    return sha256(before + text.encode()).digest()
