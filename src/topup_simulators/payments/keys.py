"""Keys and secrets of a simulator, and those of its merchant: made once, for their owner's eyes only."""

import os
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)


def private_directory(directory: Path) -> Path:
    """`directory`, made if need be, closed to other users."""
    directory.mkdir(parents=True, exist_ok=True)
    os.chmod(directory, 0o700)  # noqa: PTH101 - Path.chmod is the same call
    return directory


def made_once(path: Path, make: Callable[[], bytes]) -> bytes:
    """What is in `path`; where there is nothing, what `make` gives is written there first, mode 0600, whole or not."""
    if not path.exists():
        draft = path.with_name(f".{path.name}")
        draft.touch(mode=0o600)
        draft.write_bytes(make())
        draft.rename(path)
    return path.read_bytes()


def rsa_key(path: Path) -> rsa.RSAPrivateKey:
    """The RSA key of 2048 bits in `path` (PEM, PKCS #8), made at the first start. Raises SystemExit for another."""
    pem = made_once(
        path,
        lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        ),
    )
    key = load_pem_private_key(pem, None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise SystemExit(f"{path} holds no RSA key")
    return key


def write_public(path: Path, key: rsa.RSAPublicKey) -> Path:
    """Write the public half beside it, in PEM; gives the whole path."""
    path.write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return path.resolve()
