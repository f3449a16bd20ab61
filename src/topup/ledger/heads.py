"""Signed heads: where each lane's chain stood, kept outside the database, so that cutting its end off shows.

The document is JSON. Its signature is over the canonical text of everything else in it (sorted keys, no spaces).
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from topup.kernel.errors import Invalid
from topup.platform.database import Connection
from topup.platform.keys import KeyRing

PURPOSE: Final = "ledger-heads"
"""The purpose of the keys that sign heads."""

_FORMAT: Final = "topup-ledger-heads-1"


class HeadsRejected(Invalid):
    """`heads_unreadable` (no such document) or `heads_forged` (the signature is none of ours, or not of this text)."""


@dataclass(frozen=True, slots=True)
class Heads:
    """Where each lane stood: the sequence and hash of its last transfer."""

    lanes: Mapping[int, tuple[int, bytes]]


async def head_export(connection: Connection, keyring: KeyRing, *, now: datetime) -> dict[str, Any]:
    """The heads of all lanes, signed; keep it where whoever may change the database may not."""
    cursor = await connection.execute("SELECT lane, head_sequence, head_hash FROM ledger.lanes ORDER BY lane")
    document: dict[str, Any] = {
        "format": _FORMAT,
        "exported_at": now.isoformat(),
        "lanes": [
            {"lane": lane, "sequence": sequence, "hash": digest.hex()}
            for lane, sequence, digest in await cursor.fetchall()
        ],
    }
    kid, signature = keyring.sign(PURPOSE, _canonical(document))
    return {**document, "kid": kid, "signature": base64.b64encode(signature).decode()}


def read_heads(document: Any, keyring: KeyRing) -> Heads:
    """The heads of an exported document, after its signature held; raises HeadsRejected."""
    try:
        signed = {name: document[name] for name in ("format", "exported_at", "lanes")}
        kid, signature = document["kid"], base64.b64decode(document["signature"], validate=True)
        lanes = {int(row["lane"]): (int(row["sequence"]), bytes.fromhex(row["hash"])) for row in signed["lanes"]}
        readable = signed["format"] == _FORMAT and isinstance(kid, str)
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        raise HeadsRejected("heads_unreadable") from error
    if not readable:
        raise HeadsRejected("heads_unreadable")
    if not keyring.verify(PURPOSE, kid, signature, _canonical(signed)):
        raise HeadsRejected("heads_forged")
    return Heads(lanes)


def _canonical(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
