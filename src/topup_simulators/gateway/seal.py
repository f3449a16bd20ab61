"""The gateway's key, and the strictness with which it reads what a merchant signed."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, quote, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from topup_simulators.payments.keys import made_once
from topup_simulators.payments.terms import Rejected, Terms
from topup_simulators.post import is_on_this_machine

TOLERANCE_S: Final = 300
_LARGEST_AMOUNT: Final = 10**12
_FIELDS: Final = frozenset(
    [
        "merchant_id",
        "payment_id",
        "amount_minor",
        "currency",
        "description",
        "return_url",
        "notify_url",
        "expires_at",
        "locale",
        "timestamp",
        "kid",
        "signature",
    ]
)
_LONGEST: Final = {"payment_id": 64, "description": 256, "return_url": 2048, "notify_url": 2048, "locale": 16}


@dataclass(frozen=True, slots=True)
class Merchant:
    """The one merchant of this gateway."""

    merchant_id: str
    key: Ed25519PublicKey

    @property
    def kid(self) -> str:
        """The name of its key on the wire."""
        return _name(self.key)


class Seal:
    """Signs as the gateway; the key is made at the first start, in `directory`, readable by its owner only."""

    def __init__(self, directory: Path) -> None:
        private = directory / "gateway.key.pem"
        key = load_pem_private_key(made_once(private, _new_key), None)
        if not isinstance(key, Ed25519PrivateKey):
            raise SystemExit(f"{private} holds no Ed25519 key")
        self._key = key
        self._stranger = Ed25519PrivateKey.generate()
        self.kid = _name(key.public_key())
        self.public_key_file = directory / "gateway.pub.pem"
        self.public_key_file.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))

    def answer_headers(
        self, *, status: int, path: str, nonce: str, body: bytes, now: datetime, spoilt: bool
    ) -> tuple[tuple[str, str], ...]:
        """The headers that bind an answer to its question; `spoilt` for a signature that does not hold."""
        timestamp = str(int(now.timestamp()))
        signed = f"answer\n{status}\n{path}\n{timestamp}\n{nonce}\n".encode() + body
        return (
            ("x-sandbox-kid", self.kid),
            ("x-sandbox-timestamp", timestamp),
            ("x-sandbox-signature", self._sign(signed, spoilt=spoilt)),
        )

    def event_headers(self, body: bytes, *, forged: bool) -> dict[str, str]:
        """The headers of an event; `forged` signs it with a stranger's key."""
        signature = self._sign(f"event\n{self.kid}\n".encode() + body, spoilt=forged)
        return {
            "content-type": "application/json",
            "x-sandbox-kid": self.kid,
            "x-sandbox-signature": signature,
        }

    def _sign(self, content: bytes, *, spoilt: bool) -> str:
        return base64.b64encode((self._stranger if spoilt else self._key).sign(content)).decode()


def read_merchant(merchant_id: str, public_key_file: Path) -> Merchant:
    """The merchant and its public key. Raises SystemExit with a sentence where the file is none."""
    try:
        key = load_pem_public_key(public_key_file.read_bytes())
    except (OSError, ValueError) as error:
        raise SystemExit(f"the merchant's public key cannot be read from {public_key_file}: {error}") from None
    if not isinstance(key, Ed25519PublicKey):
        raise SystemExit(f"{public_key_file} holds no Ed25519 public key")
    return Merchant(merchant_id, key)


def check_request(*, merchant: Merchant, path: str, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
    """The nonce of a question that the merchant signed. Raises Rejected."""
    timestamp, nonce = headers.get("x-sandbox-timestamp", ""), headers.get("x-sandbox-nonce", "")
    _check_signer(merchant, headers.get("x-sandbox-merchant", ""), headers.get("x-sandbox-kid", ""))
    signed = f"request\nPOST\n{path}\n{timestamp}\n{nonce}\n".encode() + body
    _check_signature(merchant.key, headers.get("x-sandbox-signature", ""), signed)
    if not timestamp.isdigit() or abs(now.timestamp() - int(timestamp)) > TOLERANCE_S:
        raise Rejected("STALE_REQUEST")
    if len(nonce) < 16:  # noqa: PLR2004 - 64 bits in hexadecimal
        raise Rejected("BAD_REQUEST")
    return nonce


def read_form(text: str, *, merchant: Merchant, now: datetime) -> Terms:
    """The payment that a signed query string describes. Raises Rejected."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True, max_num_fields=16, errors="strict")
    except ValueError:
        raise Rejected("BAD_FORM") from None
    fields = dict(pairs)
    if len(fields) != len(pairs) or fields.keys() != _FIELDS:
        raise Rejected("BAD_FORM")
    _check_signer(merchant, fields["merchant_id"], fields["kid"])
    canonical = "&".join(
        f"{quote(name, safe='')}={quote(fields[name], safe='')}" for name in sorted(fields) if name != "signature"
    )
    _check_signature(merchant.key, fields["signature"], f"form\n{canonical}".encode())
    if not fields["timestamp"].isdigit() or int(fields["timestamp"]) > now.timestamp() + TOLERANCE_S:
        raise Rejected("STALE_REQUEST")
    return _form(fields)


def _form(fields: Mapping[str, str]) -> Terms:
    if any(len(fields[name]) > most for name, most in _LONGEST.items()) or not fields["payment_id"]:
        raise Rejected("BAD_FORM")
    amount, currency = fields["amount_minor"], fields["currency"]
    if not (amount.isascii() and amount.isdigit() and 0 < int(amount) < _LARGEST_AMOUNT):
        raise Rejected("BAD_AMOUNT")
    if not (len(currency) == 3 and currency.isascii() and currency.isalpha() and currency.isupper()):  # noqa: PLR2004 - ISO 4217
        raise Rejected("BAD_CURRENCY")
    if urlsplit(fields["return_url"]).scheme not in ("http", "https") or not is_on_this_machine(fields["notify_url"]):
        raise Rejected("BAD_ADDRESS")
    return Terms(
        payment_id=fields["payment_id"],
        amount_minor=int(amount),
        currency=currency,
        description=fields["description"],
        return_url=fields["return_url"],
        notify_url=fields["notify_url"],
        expires_at=_moment(fields["expires_at"]),
        locale=fields["locale"],
    )


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Rejected("BAD_FORM") from None
    if moment.tzinfo is None:
        raise Rejected("BAD_FORM")
    return moment.astimezone(UTC)


def _check_signer(merchant: Merchant, merchant_id: str, kid: str) -> None:
    if merchant_id != merchant.merchant_id:
        raise Rejected("UNKNOWN_MERCHANT")
    if kid != merchant.kid:
        raise Rejected("BAD_SIGNATURE")


def _check_signature(key: Ed25519PublicKey, signature: str, signed: bytes) -> None:
    try:
        key.verify(base64.b64decode(signature, validate=True), signed)
    except (InvalidSignature, ValueError):
        raise Rejected("BAD_SIGNATURE") from None


def _new_key() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _name(key: Ed25519PublicKey) -> str:
    return hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]
