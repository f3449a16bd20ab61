"""Paid events as the simulated gateway signs them, with its own key from the demonstration's data directory.

The load would otherwise measure the simulator. The key is the simulator's, so the server verifies as it always does.
"""

import base64
import hashlib
import json
import secrets
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key


class Cashier:
    """Says that payments were made."""

    def __init__(self, data_dir: Path, merchant: str = "demo") -> None:
        raw = (data_dir / "simulators/gateway/gateway.key.pem").read_bytes()
        key = load_pem_private_key(raw, password=None)
        if not isinstance(key, Ed25519PrivateKey):
            raise TypeError("the simulated gateway signs with Ed25519")
        self._key = key
        self._merchant = merchant
        public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self._kid = hashlib.sha256(public).hexdigest()[:16]

    def paid(self, payment_id: str, *, amount_minor: int, currency: str) -> tuple[bytes, tuple[str, str]]:
        """The body and the headers of the event that a payment was made now."""
        event = {
            "event_id": f"evt_{secrets.token_hex(12)}",
            "type": "payment.paid",
            "merchant": self._merchant,
            "payment_id": payment_id,
            "reference": f"ref_{secrets.token_hex(8)}",
            "amount_minor": amount_minor,
            "currency": currency,
            "paid_at": datetime.now(UTC).isoformat(),
        }
        body = json.dumps(event, separators=(",", ":")).encode()
        signature = base64.b64encode(self._key.sign(f"event\n{self._kid}\n".encode() + body)).decode()
        return body, (f"x-sandbox-kid: {self._kid}", f"x-sandbox-signature: {signature}")
