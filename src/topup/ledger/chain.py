"""The hash chain of a lane, computed a second time: ledger/posting.sql makes it, this reads it again for the audit.

What one call appended to a lane is a link: its hash, which its last transfer carries, is SHA-256 over the link
before and the canonical texts of its transfers, a line each. A canonical text has the numbers, the instants in
microseconds and the lengths first, then the texts themselves, so that no two rows have one. A lane begins with the hash
of its name.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Final, NamedTuple

COLUMNS: Final = """
    lane, sequence, leg, amount, (extract(epoch FROM created_at) * 1000000)::bigint,
    (extract(epoch FROM usable_until) * 1000000)::bigint, fingerprint, asset, debit, credit, line_id, key, purpose,
    reference, hash
"""
"""What an `Entry` is read from, in its order."""


class Entry(NamedTuple):
    """A transfer as the chain sees it; `hash` is that of the link it ends, if it ends one."""

    lane: int
    sequence: int
    leg: int
    amount: int
    created_us: int
    usable_until_us: int | None
    fingerprint: bytes
    asset: str
    debit: str
    credit: str
    line_id: str | None
    key: str
    purpose: str
    reference: str
    hash: bytes | None


def genesis(lane: int) -> bytes:
    """The hash before a lane's first transfer."""
    return sha256(f"topup ledger lane {lane}".encode()).digest()


def canonical(entry: Entry) -> bytes:
    """The entry's line in its link."""
    lane, sequence, leg, amount, created, until, fingerprint, asset, debit, credit, line, key, purpose, reference, _ = (
        entry
    )
    return (
        f"{lane}|{sequence}|{leg}|{amount}|{created}|{'-' if until is None else until}|{fingerprint.hex()}"
        f"|{len(asset)}|{len(debit)}|{len(credit)}|{-1 if line is None else len(line)}"
        f"|{len(key)}|{len(purpose)}|{len(reference)}"
        f"|{asset}|{debit}|{credit}|{line or ''}|{key}|{purpose}|{reference}"
    ).encode()


def link_hash(before: bytes, lines: Sequence[bytes]) -> bytes:
    """The hash of a link after the hash `before`, from its entries' canonical lines in order."""
    return sha256(before + b"\n".join(lines)).digest()
