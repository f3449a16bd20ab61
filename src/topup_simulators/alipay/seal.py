"""Alipay's key and the merchant's, and the strictness with which the gateway reads what the merchant signed.

The portal's part is played too: it makes the merchant's key, and the certificates for those who use them.
"""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from topup_simulators.payments.keys import made_once, rsa_key, write_public
from topup_simulators.payments.terms import Rejected

CHINA: Final = timezone(timedelta(hours=8))
_TIMESTAMP: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", re.ASCII)
_TOLERANCE: Final = timedelta(minutes=10)
_REQUIRED: Final = ("app_id", "method", "charset", "sign_type", "sign", "timestamp", "version")
_TEN_YEARS: Final = timedelta(days=3652)


@dataclass(frozen=True, slots=True)
class Call:
    """What the merchant signed: the method, its content, and where it wants to hear of it."""

    method: str
    content: Mapping[str, Any]
    notify_url: str
    return_url: str
    certified: bool


class Seal:
    """Signs as Alipay and verifies as Alipay does, for one application; keys are made at the first start."""

    def __init__(self, directory: Path, *, app_id: str) -> None:
        self._app_id = app_id
        self._ours = rsa_key(directory / "alipay.key.pem")
        self._merchant = rsa_key(directory / "app.key.pem").public_key()
        self._stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.private_key_file = (directory / "app.key.pem").resolve()
        self.public_key_file = write_public(directory / "alipay.pub.pem", self._ours.public_key())
        self.certificates = _certificates(directory, self._ours, self._merchant)
        app, alipay, roots = (x509.load_pem_x509_certificates(file.read_bytes()) for file in self.certificates)
        self._app_sn, self._alipay_sn, self._root_sn = _sn(app[0]), _sn(alipay[0]), _sn(roots[0])
        self._root = rsa_key(directory / "root.key.pem")
        self._under_certificate = self._ours
        self._issued = {self._alipay_sn: alipay[0].public_bytes(Encoding.PEM)}

    def renew(self, name: str = "Simulated Alipay") -> None:
        """From now on, until the process ends, answers to who uses certificates are signed under a new one."""
        self._under_certificate = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        made = _certificate(name, self._under_certificate.public_key(), self._root)
        self._alipay_sn = _sn(x509.load_pem_x509_certificate(made))
        self._issued[self._alipay_sn] = made

    def issued(self, serial: str) -> str | None:
        """One of our certificates, in base64, as it is downloaded."""
        made = self._issued.get(serial)
        return None if made is None else base64.b64encode(made).decode()

    def sign(self, text: str, *, spoilt: bool = False) -> str:
        """RSA2 over a text; `spoilt` under a stranger's key."""
        return _rsa2(self._stranger if spoilt else self._ours, text)

    def answer(self, method: str, content: Mapping[str, Any], *, certified: bool, spoilt: bool = False) -> bytes:
        """An answer: the signature is over the bytes of its node."""
        node = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
        certificate = f'"alipay_cert_sn":"{self._alipay_sn}",' if certified else ""
        key = self._stranger if spoilt else self._under_certificate if certified else self._ours
        signature = _rsa2(key, node)
        return f'{{"{node_of(method)}":{node},{certificate}"sign":"{signature}"}}'.encode()

    def notice(self, fields: Mapping[str, str], *, forged: bool) -> bytes:
        """A notice as a form."""
        signature = self.sign(_joined(fields), spoilt=forged)
        return urlencode({**fields, "sign_type": "RSA2", "sign": signature}).encode()

    def read(self, text: str, *, now: datetime, is_page: bool = False) -> Call:
        """The call that a query or a form makes. Raises Rejected with the open platform's sub_code.

        A page may be opened long after its address was signed, though not before.
        """
        fields = _read_fields(text)
        for name in _REQUIRED:
            if not fields.get(name):
                raise Rejected(f"isv.missing-{name.replace('_', '-')}")
        if fields["app_id"] != self._app_id:
            raise Rejected("isv.invalid-app-id")
        if fields["sign_type"] != "RSA2":
            raise Rejected("isv.invalid-signature-type")
        if fields["charset"].lower() != "utf-8":
            raise Rejected("isv.invalid-charset")
        if fields["version"] != "1.0" or fields.get("format", "JSON") != "JSON":
            raise Rejected("isv.invalid-format")
        self._verify(fields)
        self._check_time(fields["timestamp"], now, is_page=is_page)
        return Call(
            method=fields["method"],
            content=_content(fields.get("biz_content", "")),
            notify_url=fields.get("notify_url", ""),
            return_url=fields.get("return_url", ""),
            certified=self._is_certified(fields),
        )

    def _verify(self, fields: Mapping[str, str]) -> None:
        signed = {name: value for name, value in fields.items() if name != "sign" and value}
        try:
            signature = base64.b64decode(fields["sign"], validate=True)
            self._merchant.verify(signature, _joined(signed).encode(), PKCS1v15(), SHA256())
        except (InvalidSignature, ValueError):
            raise Rejected("isv.invalid-signature") from None

    def _check_time(self, text: str, now: datetime, *, is_page: bool) -> None:
        if _TIMESTAMP.fullmatch(text) is None:
            raise Rejected("isv.invalid-timestamp")
        try:
            at = datetime.fromisoformat(text).replace(tzinfo=CHINA)
        except ValueError:
            raise Rejected("isv.invalid-timestamp") from None
        if at - now > _TOLERANCE or (now - at > _TOLERANCE and not is_page):
            raise Rejected("isv.invalid-timestamp")

    def _is_certified(self, fields: Mapping[str, str]) -> bool:
        """Whether certificates are used; where they are, both must be the ones we know."""
        numbers = (fields.get("app_cert_sn", ""), fields.get("alipay_root_cert_sn", ""))
        if numbers == ("", ""):
            return False
        if numbers != (self._app_sn, self._root_sn):
            raise Rejected("isv.app-cert-sn-not-match")
        return True


def _rsa2(key: rsa.RSAPrivateKey, text: str) -> str:
    return base64.b64encode(key.sign(text.encode(), PKCS1v15(), SHA256())).decode()


def node_of(method: str) -> str:
    """The name of an answer's node."""
    return f"{method.replace('.', '_')}_response"


def _read_fields(text: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True, max_num_fields=64, errors="strict")
    except ValueError:
        raise Rejected("isv.invalid-parameter") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise Rejected("isv.invalid-parameter")
    return fields


def _content(text: str) -> Mapping[str, Any]:
    try:
        content = json.loads(text)
    except ValueError:
        raise Rejected("isv.invalid-parameter") from None
    if not isinstance(content, dict):
        raise Rejected("isv.invalid-parameter")
    return content


def _joined(fields: Mapping[str, str]) -> str:
    return "&".join(f"{name}={fields[name]}" for name in sorted(fields))


def _certificates(directory: Path, ours: rsa.RSAPrivateKey, merchant: rsa.RSAPublicKey) -> tuple[Path, Path, Path]:
    """The files of the application's certificate, Alipay's, and the roots, made at the first start.

    Among the roots is one that is not signed with RSA, as the real file has SM2's.
    """
    root, other = rsa_key(directory / "root.key.pem"), ec.generate_private_key(ec.SECP256R1())
    made: dict[str, Any] = {
        "appCertPublicKey.crt": lambda: _certificate("Simulated application", merchant, root),
        "alipayCertPublicKey_RSA2.crt": lambda: _certificate("Simulated Alipay", ours.public_key(), root),
        "alipayRootCert.crt": lambda: (
            _certificate("Simulated root", root.public_key(), root)
            + b"\n"
            + _certificate("Another root", other.public_key(), other)
        ),
    }
    for name, make in made.items():
        made_once(directory / name, make)
    app, alipay, roots = ((directory / name).resolve() for name in made)
    return app, alipay, roots


def _certificate(
    name: str,
    key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey,
    signer: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
) -> bytes:
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .issuer_name(_named("Simulated root"))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _TEN_YEARS)
        .sign(signer, SHA256())
    )
    return made.public_bytes(Encoding.PEM)


def _named(name: str) -> x509.Name:
    parts = (
        (NameOID.COUNTRY_NAME, "CN"),
        (NameOID.ORGANIZATION_NAME, "Simulators"),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, "Certification Authority"),
        (NameOID.COMMON_NAME, name),
    )
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in parts])


def _sn(one: x509.Certificate) -> str:
    """A certificate's number as Alipay reckons it, written out from its parts."""
    words = {part.oid: str(part.value) for part in one.issuer}
    issuer = (
        f"CN={words[NameOID.COMMON_NAME]},OU={words[NameOID.ORGANIZATIONAL_UNIT_NAME]},"
        f"O={words[NameOID.ORGANIZATION_NAME]},C={words[NameOID.COUNTRY_NAME]}"
    )
    return hashlib.md5(f"{issuer}{one.serial_number}".encode(), usedforsecurity=False).hexdigest()
