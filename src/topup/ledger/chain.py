"""The hash chain of a lane, computed a second time: ledger/posting.sql makes it, this reads it again for the audit.

Each transfer's hash is SHA-256 over the hash before it and the row's canonical text: numbers, instants in microseconds
and lengths first, then the texts themselves, so that no two rows have one canonical text. A lane begins with the hash
of its name.
"""

from hashlib import sha256
from typing import Final, NamedTuple

COLUMNS: Final = """
    lane, sequence, leg, amount, (extract(epoch FROM created_at) * 1000000)::bigint,
    (extract(epoch FROM usable_until) * 1000000)::bigint, fingerprint, asset, debit, credit, line_id, key, purpose,
    reference, hash
"""
"""What a `Link` is read from, in its order."""


class Link(NamedTuple):
    """A transfer as the chain sees it."""

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
    hash: bytes


def genesis(lane: int) -> bytes:
    """The hash before a lane's first transfer."""
    return sha256(f"topup ledger lane {lane}".encode()).digest()


def link_hash(before: bytes, link: Link) -> bytes:
    """The hash the row must have after the hash `before`."""
    lane, sequence, leg, amount, created, until, fingerprint, asset, debit, credit, line, key, purpose, reference, _ = (
        link
    )
    text = (
        f"{lane}|{sequence}|{leg}|{amount}|{created}|{'-' if until is None else until}|{fingerprint.hex()}"
        f"|{len(asset)}|{len(debit)}|{len(credit)}|{-1 if line is None else len(line)}"
        f"|{len(key)}|{len(purpose)}|{len(reference)}"
        f"|{asset}|{debit}|{credit}|{line or ''}|{key}|{purpose}|{reference}"
    )
    return sha256(before + text.encode()).digest()
