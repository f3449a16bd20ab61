"""Files for one reader's eyes alone: encrypted to their certificate, as CMS (RFC 5652), and written so that they stay.

The reader needs nothing of ours to open one: `openssl cms -decrypt -binary -inform DER -in FILE -inkey their.key`.
"""

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7EnvelopeBuilder, PKCS7Options

from topup.kernel.errors import Invalid

_SHORTEST_KEY: Final = 2048
"""Bits: NIST SP 800-57 part 1, table 2, calls less too weak."""


def read_recipient(path: Path) -> x509.Certificate:
    """The certificate (PEM) of whoever will open the file. Raises Invalid recipient_wrong."""
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError):
        raise Invalid("recipient_wrong", path=str(path)) from None
    key = certificate.public_key()
    if not isinstance(key, RSAPublicKey) or key.key_size < _SHORTEST_KEY:
        raise Invalid("recipient_wrong", path=str(path))
    return certificate


def sealed(content: bytes, recipient: x509.Certificate) -> bytes:
    """Anything for the recipient's eyes alone."""
    builder = PKCS7EnvelopeBuilder().set_data(content).add_recipient(recipient)
    return builder.set_content_encryption_algorithm(AES256).encrypt(Encoding.DER, [PKCS7Options.Binary])


def claim_file(path: Path) -> int:
    """A new file for its owner's eyes alone, open to write. Raises file_there, file_unusable."""
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Invalid("file_there", path=str(path)) from None
    except OSError as error:
        raise Invalid("file_unusable", path=str(path), reason=error.strerror or "") from error


def write_durably(path: Path, descriptor: int, content: bytes) -> str:
    """Write it so that it stays, and close; gives the SHA-256 that its reader can compare. Raises OSError, and then
    the file is gone.
    """
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        _keep_name(path.parent)
    except OSError:
        with suppress(OSError):
            path.unlink()
        raise
    return hashlib.sha256(content).hexdigest()


def _keep_name(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
