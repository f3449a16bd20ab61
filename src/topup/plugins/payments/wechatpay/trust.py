"""Whose signatures count: WeChat Pay's public key, and its certificates, of which several are valid at once."""

import base64
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256

from topup.plugins.payments.wechatpay import keys
from topup.plugins.payments.wechatpay.settings import WechatpaySettings
from topup.plugins.payments.wechatpay.shapes import CertificateList, Sealed

TOLERANCE: Final = timedelta(minutes=5)
"""How far the clock of what is signed may be from ours, as the provider's own libraries have it."""
_MOST_CERTIFICATES: Final = 16
_LONGEST_TIMESTAMP: Final = 12
_PROBE: Final = "WECHATPAY/SIGNTEST/"
_HEADERS: Final = ("wechatpay-timestamp", "wechatpay-nonce", "wechatpay-serial", "wechatpay-signature")
_ALGORITHM: Final = "WECHATPAY2-SHA256-RSA2048"


class Distrusted(Exception):
    """Not WeChat Pay's word, stale, or unreadable."""


class UnknownSerial(Distrusted):
    """Signed with a key that we do not know: perhaps a certificate that was issued since we last asked."""


class Trust:
    """Verifies and unseals. Raises what reading a key file raises."""

    def __init__(self, settings: WechatpaySettings) -> None:
        self._secret = keys.api_v3_key(settings.api_v3_key_file)
        self._public: dict[str, RSAPublicKey] = {}
        self._certificates: dict[str, x509.Certificate] = {}
        if settings.platform_public_key_file is not None and settings.platform_public_key_id is not None:
            self._public[settings.platform_public_key_id] = keys.public_key(settings.platform_public_key_file)
        self.learn(keys.certificate(path) for path in settings.platform_certificate_files)

    def learn(self, certificates: Iterable[x509.Certificate]) -> None:
        """Know these certificates as well; those that have run out are forgotten, and the newest are kept."""
        known = self._certificates | {keys.serial_of(one): one for one in certificates}
        lasting = sorted(known.items(), key=lambda item: item[1].not_valid_after_utc, reverse=True)
        self._certificates = dict(lasting[:_MOST_CERTIFICATES])

    def certificates(self) -> list[x509.Certificate]:
        """The certificates that are known, the one that lasts longest first."""
        return list(self._certificates.values())

    def verify(self, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
        """Every byte of `body` was signed by WeChat Pay within the tolerance. Raises Distrusted, UnknownSerial."""
        timestamp, nonce, serial, signature = (headers.get(name, "") for name in _HEADERS)
        if signature.startswith(_PROBE):
            raise Distrusted("a probe: its signature is wrong on purpose")
        if headers.get("wechatpay-signature-type", _ALGORITHM) != _ALGORITHM:
            raise Distrusted("signed by an algorithm that we do not know")
        moment = _moment(timestamp)
        key = self._key(serial, now)
        signed = f"{timestamp}\n{nonce}\n".encode() + body + b"\n"
        try:
            key.verify(base64.b64decode(signature, validate=True), signed, PKCS1v15(), SHA256())
        except (InvalidSignature, ValueError):
            raise Distrusted("the signature does not hold") from None
        if abs(now - moment) > TOLERANCE:
            raise Distrusted("signed too long ago, or in the future")

    def unseal(self, sealed: Sealed) -> bytes:
        """What is in it. Raises Distrusted."""
        if sealed.algorithm != "AEAD_AES_256_GCM":
            raise Distrusted("sealed by an algorithm that we do not know")
        try:
            raw = base64.b64decode(sealed.ciphertext, validate=True)
            return AESGCM(self._secret).decrypt(sealed.nonce.encode(), raw, sealed.associated_data.encode())
        except (InvalidTag, ValueError):
            raise Distrusted("the seal does not open with our APIv3 key") from None

    def introduce(self, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
        """Learn the certificates in the answer of `/v3/certificates`: each is sealed with our APIv3 key, and the answer
        is signed with one of them, or with one that we know. Raises Distrusted, and then nothing was learned.
        """
        try:
            entries = msgspec.json.decode(body, type=CertificateList).data
            found = [x509.load_pem_x509_certificate(self.unseal(entry.encrypt_certificate)) for entry in entries]
        except (msgspec.MsgspecError, UnicodeDecodeError, ValueError):
            raise Distrusted("the certificates cannot be read") from None
        before = self._certificates
        self.learn(found)
        try:
            self.verify(headers, body, now)
        except Distrusted:
            self._certificates = before
            raise

    def _key(self, serial: str, now: datetime) -> RSAPublicKey:
        if serial in self._public:
            return self._public[serial]
        one = self._certificates.get(serial)
        if one is None:
            raise UnknownSerial("signed with no key of WeChat Pay that we know")
        key = one.public_key()
        if not one.not_valid_before_utc <= now <= one.not_valid_after_utc or not isinstance(key, RSAPublicKey):
            raise UnknownSerial("signed with a certificate that is not valid now")
        return key


def _moment(timestamp: str) -> datetime:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= _LONGEST_TIMESTAMP):
        raise Distrusted("no time")
    try:
        return datetime.fromtimestamp(int(timestamp), UTC)
    except (ValueError, OverflowError, OSError):
        raise Distrusted("no time") from None
