"""The key files of the simulated gateway's plugin: Ed25519 in PEM."""

import contextlib
import secrets
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


def private_key(path: Path) -> Ed25519PrivateKey:
    """The key in `path`. Raises OSError where it cannot be read, ValueError where it is no Ed25519 key."""
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if isinstance(key, Ed25519PrivateKey):
        return key
    raise ValueError(f"{path.name} holds no Ed25519 private key")


def public_key(path: Path) -> Ed25519PublicKey:
    """The key in `path`. Raises OSError where it cannot be read, ValueError where it is no Ed25519 key."""
    key = serialization.load_pem_public_key(path.read_bytes())
    if isinstance(key, Ed25519PublicKey):
        return key
    raise ValueError(f"{path.name} holds no Ed25519 public key")


def key_id(key: Ed25519PublicKey) -> str:
    """The name a key goes by on the wire: the first 16 hexadecimal digits of the SHA-256 of its 32 bytes."""
    return sha256(key.public_bytes_raw()).hexdigest()[:16]


def ensure_merchant_keys(*, private_key_file: Path, public_key_file: Path) -> None:
    """Make our key pair unless it is there (private 0600), and write the public half for the gateway.

    Two processes may do so at once: the first one's key is kept.
    """
    if not private_key_file.exists():
        pem = Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        _write_once(private_key_file, pem)
    public = private_key(private_key_file).public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    _replace(public_key_file, pem)


def _write_once(path: Path, content: bytes) -> None:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    draft.touch(mode=0o600)
    draft.write_bytes(content)
    # Where another process was first, its key is the one.
    with contextlib.suppress(FileExistsError):
        path.hardlink_to(draft)
    draft.unlink()


def _replace(path: Path, content: bytes) -> None:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    draft.write_bytes(content)
    draft.replace(path)
