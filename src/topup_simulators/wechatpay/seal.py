"""WeChat Pay's keys and its merchant's, and the strictness with which a call is read.

At the first start it makes what the merchant platform would hand out: the merchant's key and certificate, the APIv3
key, WeChat Pay's public key; and a certificate of WeChat Pay, which `rotate` follows with another.
"""

import base64
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from topup_simulators.payments.keys import made_once, rsa_key, write_public
from topup_simulators.payments.terms import Rejected
from topup_simulators.store import Store
from topup_simulators.web import Request

MERCHANT: Final = "1900000109"
APP: Final = "wx8888888888888888"
TOLERANCE_S: Final = 300
_SCHEME: Final = "WECHATPAY2-SHA256-RSA2048"
_FIELD: Final = re.compile(r'(\w+)="([^"]*)"')
_FIELDS: Final = frozenset({"mchid", "nonce_str", "timestamp", "serial_no", "signature"})
_NONCE: Final = re.compile(r"[0-9A-Za-z]{1,32}", re.ASCII)
_PROBE: Final = "WECHATPAY/SIGNTEST/"


@dataclass(frozen=True, slots=True)
class _Signer:
    serial: str
    key: rsa.RSAPrivateKey
    certificate: x509.Certificate | None = None


class Seal:
    """Everything that is signed or sealed, and whose signature counts."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._merchant_key_file = directory / "apiclient_key.pem"
        merchant = rsa_key(self._merchant_key_file)
        self._merchant = merchant.public_key()
        certificate = self._issued("apiclient_cert.pem", merchant, MERCHANT)
        self._merchant_serial = _serial(certificate)
        self._api_v3_file = directory / "apiv3.key"
        self._api_v3 = made_once(self._api_v3_file, lambda: secrets.token_hex(16).encode())
        named = made_once(directory / "pub_key_id", f"PUB_KEY_ID_{secrets.randbelow(10**40):040}".encode)
        platform = rsa_key(directory / "platform.key.pem")
        self._public_key_file = write_public(directory / "pub_key.pem", platform.public_key())
        self._public = _Signer(named.decode(), platform)
        self._certified = [self._platform_certificate(number) for number in range(1 + self._rotations())]
        self.events_by_certificate = False
        """Whether events, and answers to calls that name no key, are signed with a certificate's."""

    def settings(self, url: str) -> dict[str, Any]:
        """The complete settings of the merchant's plugin."""
        return {
            "base_url": url,
            "merchant_id": MERCHANT,
            "app_id": APP,
            "private_key_file": str(self._merchant_key_file.resolve()),
            "certificate_file": str((self._directory / "apiclient_cert.pem").resolve()),
            "api_v3_key_file": str(self._api_v3_file.resolve()),
            "platform_public_key_id": self._public.serial,
            "platform_public_key_file": str(self._public_key_file),
        }

    def rotate(self) -> str:
        """Issue the next certificate and sign with it from now on; gives its serial number."""
        (self._directory / "rotations").write_text(str(self._rotations() + 1))
        self._certified.append(self._platform_certificate(len(self._certified)))
        return self._certified[-1].serial

    def certificates(self) -> list[dict[str, Any]]:
        """The certificates that are valid, as `/v3/certificates` gives them."""
        return [
            {
                "serial_no": signer.serial,
                "effective_time": signer.certificate.not_valid_before_utc.isoformat(),
                "expire_time": signer.certificate.not_valid_after_utc.isoformat(),
                "encrypt_certificate": self.sealed(signer.certificate.public_bytes(Encoding.PEM), "certificate"),
            }
            for signer in self._certified
            if signer.certificate is not None
        ]

    def sealed(self, content: bytes, associated_data: str, nonce: str = "") -> dict[str, str]:
        """Content sealed with the APIv3 key."""
        nonce = nonce or secrets.token_hex(6)
        raw = AESGCM(self._api_v3).encrypt(nonce.encode(), content, associated_data.encode())
        return {
            "algorithm": "AEAD_AES_256_GCM",
            "nonce": nonce,
            "associated_data": associated_data,
            "ciphertext": base64.b64encode(raw).decode(),
        }

    def signed(self, body: bytes, *, wanted: str = "", spoilt: bool = False, probe: bool = False) -> dict[str, str]:
        """The headers that sign a body now: with the key that the call named, else as `events_by_certificate` says.

        `spoilt` for a signature of other content, `probe` for one that is wrong and says so.
        """
        certified = self.events_by_certificate and wanted != self._public.serial
        signer = self._certified[-1] if certified else self._public
        timestamp, nonce = str(int(datetime.now(UTC).timestamp())), secrets.token_hex(16)
        content = f"{timestamp}\n{nonce}\n".encode() + body + b"\n" + (b"!" if spoilt or probe else b"")
        signature = base64.b64encode(signer.key.sign(content, PKCS1v15(), SHA256())).decode()
        return {
            "Wechatpay-Timestamp": timestamp,
            "Wechatpay-Nonce": nonce,
            "Wechatpay-Serial": signer.serial,
            "Wechatpay-Signature": f"{_PROBE}{signature[len(_PROBE) :]}" if probe else signature,
            "Wechatpay-Signature-Type": _SCHEME,
        }

    def check(self, request: Request, store: Store, now: datetime) -> None:
        """That the merchant signed this call, just now, and only once. Raises Rejected SIGN_ERROR."""
        scheme, _, rest = request.headers.get("authorization", "").partition(" ")
        fields = dict(_FIELD.findall(rest))
        if scheme != _SCHEME or fields.keys() != _FIELDS or fields["mchid"] != MERCHANT:
            raise Rejected("SIGN_ERROR")
        timestamp, nonce = fields["timestamp"], fields["nonce_str"]
        if fields["serial_no"] != self._merchant_serial or _NONCE.fullmatch(nonce) is None:
            raise Rejected("SIGN_ERROR")
        if not timestamp.isdigit() or abs(now.timestamp() - int(timestamp)) > TOLERANCE_S:
            raise Rejected("SIGN_ERROR")
        signed = f"{request.method}\n{request.target}\n{timestamp}\n{nonce}\n".encode() + request.body + b"\n"
        try:
            raw = base64.b64decode(fields["signature"], validate=True)
            self._merchant.verify(raw, signed, PKCS1v15(), SHA256())
        except (InvalidSignature, ValueError):
            raise Rejected("SIGN_ERROR") from None
        if not store.use_nonce(nonce, now.timestamp(), 2 * TOLERANCE_S):
            raise Rejected("SIGN_ERROR")

    def _rotations(self) -> int:
        file = self._directory / "rotations"
        return int(file.read_text()) if file.exists() else 0

    def _platform_certificate(self, number: int) -> _Signer:
        key = rsa_key(self._directory / f"platform-{number}.key.pem")
        certificate = self._issued(f"platform-{number}.cert.pem", key, "WeChat Pay simulator")
        return _Signer(_serial(certificate), key, certificate)

    def _issued(self, name: str, key: rsa.RSAPrivateKey, owner: str) -> x509.Certificate:
        pem = made_once(self._directory / name, lambda: _certificate(key, owner))
        return x509.load_pem_x509_certificate(pem)


def accepts_json(headers: Mapping[str, str]) -> bool:
    """Whether a call says who calls and that it takes JSON: without that the real one answers nothing else."""
    accept = headers.get("accept", "")
    return bool(headers.get("user-agent")) and ("application/json" in accept or "*/*" in accept)


def _certificate(key: rsa.RSAPrivateKey, owner: str) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, owner)])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(hours=1))
    return builder.not_valid_after(now + timedelta(days=5 * 365)).sign(key, SHA256()).public_bytes(Encoding.PEM)


def _serial(certificate: x509.Certificate) -> str:
    digits = f"{certificate.serial_number:X}"
    return digits.zfill(len(digits) + len(digits) % 2)
