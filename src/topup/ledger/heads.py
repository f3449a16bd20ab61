"""Signed heads: where each lane's chain stood, kept outside the database, so that cutting its end off shows.

The document is JSON. Its signature is over the canonical text of everything else in it (sorted keys, no spaces).
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, TypeVar

from topup.kernel.errors import Invalid
from topup.ledger.points import Point, ends
from topup.platform import signed_documents
from topup.platform.database import Connection
from topup.platform.keys import KeyRing
from topup.platform.signed_documents import Unsound, sealed

PURPOSE: Final = "ledger-heads"
"""The purpose of the keys that sign heads."""

Read = TypeVar("Read")

FORMAT: Final = "topup-ledger-heads-2"
"""The second: a head also says, by a digest, what every account had there."""


class HeadsRejected(Invalid):
    """`heads_unreadable` (no such document) or `heads_forged` (the signature is none of ours, or not of this text)."""


async def head_export(connection: Connection, keyring: KeyRing, *, now: datetime) -> dict[str, Any]:
    """The heads as they stand, signed. Nothing is checked: of a point that an audit reached, more is known."""
    return head_document(await ends(connection), keyring, now=now)


def head_document(points: Mapping[int, Point], keyring: KeyRing, *, now: datetime) -> dict[str, Any]:
    """The heads of all lanes, signed; keep it where whoever may change the database may not."""
    document = {"format": FORMAT, "exported_at": now.isoformat(), "lanes": lanes_of(points)}
    return sealed(document, keyring, PURPOSE)


def read_heads(document: Any, keyring: KeyRing) -> dict[int, Point]:
    """The heads of an exported document, after its signature held; raises HeadsRejected."""
    return opened(document, keyring, PURPOSE, FORMAT, lambda found: points_of(found["lanes"]))


def lanes_of(points: Mapping[int, Point]) -> list[dict[str, Any]]:
    """Points as JSON has them."""
    return [
        {"lane": lane, "sequence": point.sequence, "hash": point.hash.hex(), "balances": point.balances.hex()}
        for lane, point in sorted(points.items())
    ]


def points_of(lanes: Any) -> dict[int, Point]:
    """The same read; raises KeyError, TypeError or ValueError for anything else."""
    return {
        int(row["lane"]): Point(int(row["sequence"]), bytes.fromhex(row["hash"]), bytes.fromhex(row["balances"]))
        for row in lanes
    }


def opened(document: Any, keyring: KeyRing, purpose: str, form: str, read: Callable[[dict[str, Any]], Read]) -> Read:
    """What `read` makes of a sealed document, after its signature held; raises HeadsRejected."""
    try:
        return signed_documents.opened(document, keyring, purpose, form, read)
    except Unsound as error:
        raise HeadsRejected("heads_forged" if error.forged else "heads_unreadable") from error
