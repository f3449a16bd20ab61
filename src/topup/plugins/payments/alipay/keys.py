"""The keys: ours to sign with, Alipay's to verify with, and the numbers by which certificates are known.

The portal and its tools give keys as bare base64 and certificates as PEM; both spellings of a key are read.
"""

import base64
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from topup.plugins.payments.alipay.settings import AlipaySettings

_LEAST_BITS: Final = 2048
_RSA_SIGNATURES: Final = "1.2.840.113549.1.1."
"""PKCS #1: the root file also holds certificates of SM2, which have no part in RSA2."""


@dataclass(frozen=True, slots=True)
class Keys:
    """What both sides sign with. The serial numbers are empty where public keys are used and no certificates."""

    ours: RSAPrivateKey
    theirs: RSAPublicKey
    app_cert_sn: str = ""
    alipay_cert_sn: str = ""
    root_cert_sn: str = ""


def read_keys(settings: AlipaySettings) -> Keys:
    """Every key that the settings name. Raises OSError where one cannot be read, ValueError where it is none."""
    ours = private_key(settings)
    if settings.alipay_public_key_file is not None:
        return Keys(ours, public_key(settings.alipay_public_key_file))
    app, alipay, roots = certificates(settings)
    theirs = alipay.public_key()
    if isinstance(theirs, RSAPublicKey):
        return Keys(ours, theirs, serial_of(app), serial_of(alipay), root_serial_of(roots))
    raise ValueError("alipay_certificate_file holds no RSA certificate")


def private_key(settings: AlipaySettings) -> RSAPrivateKey:
    """Our key. Raises OSError where it cannot be read, ValueError where it is no RSA key of 2048 bits."""
    if settings.private_key_file is not None:
        name, content = settings.private_key_file.name, settings.private_key_file.read_bytes()
    else:
        name = settings.private_key_env or ""
        content = os.environ.get(name, "").encode()
        if not content:
            raise ValueError(f"the environment has no {name}")
    if b"-----BEGIN" in content:
        key = serialization.load_pem_private_key(content, password=None)
    else:
        key = serialization.load_der_private_key(_bare(name, content), password=None)
    if isinstance(key, RSAPrivateKey) and key.key_size >= _LEAST_BITS:
        return key
    raise ValueError(f"{name} holds no RSA private key of {_LEAST_BITS} bits")


def public_key(path: Path) -> RSAPublicKey:
    """The key in `path`. Raises as `private_key` does."""
    content = path.read_bytes()
    if b"-----BEGIN" in content:
        key = serialization.load_pem_public_key(content)
    else:
        key = serialization.load_der_public_key(_bare(path.name, content))
    if isinstance(key, RSAPublicKey) and key.key_size >= _LEAST_BITS:
        return key
    raise ValueError(f"{path.name} holds no RSA public key of {_LEAST_BITS} bits")


def certificates(settings: AlipaySettings) -> tuple[x509.Certificate, x509.Certificate, list[x509.Certificate]]:
    """The application's, Alipay's, and the roots. Raises OSError, and ValueError where a file holds none."""
    app, alipay = settings.app_certificate_file, settings.alipay_certificate_file
    root = settings.alipay_root_certificate_file
    if app is None or alipay is None or root is None:
        raise ValueError("no certificates are named")
    return (
        x509.load_pem_x509_certificates(app.read_bytes())[0],
        x509.load_pem_x509_certificates(alipay.read_bytes())[0],
        x509.load_pem_x509_certificates(root.read_bytes()),
    )


def serial_of(one: x509.Certificate) -> str:
    """How Alipay names a certificate: MD5, in hexadecimal, of its issuer (RFC 2253) and its number in decimal."""
    named = f"{one.issuer.rfc4514_string()}{one.serial_number}"
    return hashlib.md5(named.encode(), usedforsecurity=False).hexdigest()


def root_serial_of(roots: list[x509.Certificate]) -> str:
    """The names of the RSA certificates among the roots, joined. Raises ValueError where there is none."""
    serials = [serial_of(one) for one in roots if one.signature_algorithm_oid.dotted_string.startswith(_RSA_SIGNATURES)]
    if not serials:
        raise ValueError("alipay_root_certificate_file holds no RSA certificate")
    return "_".join(serials)


def _bare(name: str, content: bytes) -> bytes:
    try:
        return base64.b64decode(b"".join(content.split()), validate=True)
    except ValueError:
        raise ValueError(f"{name} holds no key") from None
