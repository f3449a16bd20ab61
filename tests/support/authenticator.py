"""An authenticator in a few lines (WebAuthn Level 2, 6): one key, answers as a browser would send them in a form."""

import json
import struct
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

USER_PRESENT, USER_VERIFIED, ATTESTED = 0x01, 0x04, 0x40


def encoded(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


@dataclass
class Authenticator:
    """Knows one secret; `verifies`: it asks for a finger before it signs."""

    host: str
    origin: str
    verifies: bool = True
    count: int = 0
    id: bytes = b"one of a kind ......"
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def makes(self, options: str) -> dict[str, str]:
        """The fields of a form for a new passkey."""
        client = self._client("webauthn.create", json.loads(options)["challenge"])
        attestation = {"fmt": "none", "attStmt": {}, "authData": self._data(ATTESTED) + self._credential()}
        return {
            "id": encoded(self.id),
            "client_data": encoded(client),
            "attestation": encoded(cbor2.dumps(attestation)),
        }

    def signs(self, options: str) -> dict[str, str]:
        """The fields of a form to come in."""
        client = self._client("webauthn.get", json.loads(options)["challenge"])
        data = self._data(0)
        signature = self.key.sign(data + sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        return {
            "id": encoded(self.id),
            "client_data": encoded(client),
            "authenticator_data": encoded(data),
            "signature": encoded(signature),
        }

    def _client(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin}).encode()

    def _data(self, flags: int) -> bytes:
        self.count += 1
        flags |= USER_PRESENT | (USER_VERIFIED if self.verifies else 0)
        return sha256(self.host.encode()).digest() + struct.pack(">BI", flags, self.count)

    def _credential(self) -> bytes:
        numbers = self.key.public_key().public_numbers()
        cose = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32), -3: numbers.y.to_bytes(32)}
        return bytes(16) + struct.pack(">H", len(self.id)) + self.id + cbor2.dumps(cose)
