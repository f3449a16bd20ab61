"""The key files: ours to sign with, the secret that seals, and WeChat Pay's to verify with."""

import re
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

_LEAST_BITS: Final = 2048
_API_V3_KEY: Final = re.compile(rb"[0-9A-Za-z]{32}")


def private_key(path: Path) -> RSAPrivateKey:
    """The key in `path`. Raises OSError where it cannot be read, ValueError where it is no RSA key of 2048 bits."""
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except TypeError:
        raise ValueError(f"{path.name} is encrypted: topup has no password for it") from None
    if isinstance(key, RSAPrivateKey) and key.key_size >= _LEAST_BITS:
        return key
    raise ValueError(f"{path.name} holds no RSA private key of {_LEAST_BITS} bits")


def public_key(path: Path) -> RSAPublicKey:
    """The key in `path`. Raises as `private_key` does."""
    key = serialization.load_pem_public_key(path.read_bytes())
    if isinstance(key, RSAPublicKey) and key.key_size >= _LEAST_BITS:
        return key
    raise ValueError(f"{path.name} holds no RSA public key of {_LEAST_BITS} bits")


def certificate(path: Path) -> x509.Certificate:
    """The certificate in `path`. Raises OSError where it cannot be read, ValueError where it is none."""
    return x509.load_pem_x509_certificate(path.read_bytes())


def api_v3_key(path: Path) -> bytes:
    """The secret in `path`, without the line's end. Raises OSError, and ValueError where it is not 32 letters or
    digits.
    """
    secret = path.read_bytes().strip()
    if _API_V3_KEY.fullmatch(secret) is None:
        raise ValueError(f"{path.name} holds no APIv3 key: it has 32 letters and digits")
    return secret


def serial_of(one: x509.Certificate) -> str:
    """A certificate's serial number as it is written on the wire: whole bytes in hexadecimal, in capitals."""
    digits = f"{one.serial_number:X}"
    return digits.zfill(len(digits) + len(digits) % 2)
