"""Our keys: Ed25519 to sign with, by purpose, and AES-256-GCM to seal what is stored and personal.

`<data_dir>/keys/<purpose>/` holds for each key its `<kid>.private` (0600) and `<kid>.public`, and in `current` the kid
that signs now. Public keys are kept for ever, so that an old receipt verifies; a retired key's private half is removed.
`<data_dir>/keys/data/` holds `<kid>.secret` files, all kept: what they sealed must open; and so do
`<data_dir>/keys/vouchers/` and `<data_dir>/keys/numbers/`, for what they marked must be found. Keys of different
purposes are different keys, so a signature made for one purpose never verifies for another.

An installation makes its keys with itself, and never again by itself: new ones in the place of lost ones would hide the
loss. What is lost for good, and nobody has a copy of, an operator gives up: `<kid>.lost` instead of `<kid>.public`.
"""

import fcntl
import hmac
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from topup.kernel.errors import Unavailable, WhoMustAct
from topup.platform.ed25519 import Signer, Verifier

_PURPOSE: Final = re.compile(r"[a-z][a-z0-9-]{0,39}", re.ASCII)
_KID: Final = re.compile(r"[0-9a-f]{16}", re.ASCII)
DATA: Final = "data"
"""The purpose of sealing; every other one is signing, but for VOUCHERS and NUMBERS."""
VOUCHERS: Final = "vouchers"
"""The purpose of marking the PINs of vouchers, which are found by their marks."""
NUMBERS: Final = "numbers"
"""The purpose of marking subscribers' numbers: an account is found by its mark, and the database holds no number."""
_MARKS: Final = frozenset({VOUCHERS, NUMBERS})
_SECRETS: Final = frozenset({DATA}) | _MARKS
_KID_BYTES: Final = 8
_NONCE_BYTES: Final = 12
_KEY_BYTES: Final = 32
"""Of a private key, a public one and a secret alike."""
_KEPT: Final = 1_024
"""Public keys remembered per ring; a stranger who asks for kids that do not exist is not remembered at all."""

_REMEMBERED: Final = 8192
_TRIAL: Final = "trial"


class CannotOpen(ValueError):
    """Not sealed by a key of this ring, sealed for something else, or changed since. Says nothing of the content."""


class KeyRing:
    """The keys under `<data_dir>/keys`; safe between processes.

    They are made at first use, in a data directory that exists; but not those of the purposes `kept`: whatever needs
    one of these that is not there raises Unavailable `keys_missing`, or `keys_public_missing` where no more is missing
    than `restore_public` makes again. A key that is not what it was is `keys_damaged`,
    never a false answer. Both name the `files`.
    """

    def __init__(self, directory: Path, *, kept: Iterable[str] = ()) -> None:
        self.directory = directory
        self._kept = frozenset(kept)
        self._signers: dict[str, tuple[int, str, Signer]] = {}
        self._verifiers: dict[tuple[str, str], Verifier] = {}
        self._ciphers: dict[str, AESGCM] = {}
        self._own: dict[bytes, tuple[str, str, bytes]] = {}
        """What this process signed lately, by signature: the very same bytes need no arithmetic (60 us)."""
        self._sealing: tuple[int, str] | None = None
        self._naming: tuple[int, bytes] | None = None
        self._marking: dict[str, tuple[int, list[bytes]]] = {}
        self._currents: dict[str, str] = {}
        """The path of each purpose's `current`: looked at for every signature."""

    def sign(self, purpose: str, message: bytes) -> tuple[str, bytes]:
        """The kid of the purpose's current key and the signature (64 bytes) it makes."""
        stamp = _stamp(self._current_of(purpose)) or self._ensure(purpose)
        known = self._signers.get(purpose)
        if known is None or known[0] != stamp:
            known = self._read_signer(self._folder(purpose))
            self._signers[purpose] = known
        signature = known[2].sign(message)
        if len(self._own) >= _REMEMBERED:
            self._own.pop(next(iter(self._own)))
        self._own[signature] = (purpose, known[1], message)
        return known[1], signature

    def verify(self, purpose: str, kid: str, signature: bytes, message: bytes) -> bool:
        """Whether a key of this purpose, current or retired, made the signature; False for all that is malformed."""
        if self._own.get(signature) == (purpose, kid, message):
            return True
        verifier = self._verifier(purpose, kid)
        return verifier is not None and verifier.holds(signature, message)

    def rotate(self, purpose: str) -> str:
        """Sign or seal with a new key from now on and give its kid; processes that run notice at their next signature.

        What older keys signed still verifies, and what they sealed still opens.
        """
        folder = self._folder(purpose)
        with self._alone(folder):
            if purpose in _SECRETS:
                return self._make_secret(folder)
            previous = _current(folder)
            kid = self._make_signer(folder)
            if previous is not None and _KID.fullmatch(previous):
                (folder / f"{previous}.private").unlink(missing_ok=True)
            return kid

    def restore_public(self) -> list[Path]:
        """Write the public halves that are missing and follow from private ones that are whole; gives their files."""
        written = []
        for private in sorted(self.directory.glob("*/*.private")):
            with self._alone(private.parent):
                public = private.with_suffix(".public")
                if _follows(public):
                    key = Ed25519PrivateKey.from_private_bytes(private.read_bytes())
                    _write(public, key.public_key().public_bytes_raw())
                    written.append(public)
        return written

    def check(self, purposes: Iterable[str]) -> None:
        """Look whether the keys of these purposes are there and whole, those that sign and seal now and older ones.

        Raises Unavailable `keys_missing`, `keys_public_missing`, `keys_damaged`.
        """
        found = [self._flaws(purpose) for purpose in purposes]
        if missing := [file for files, _ in found for file in files]:
            raise _missing(*missing)
        if damaged := [file for _, files in found for file in files]:
            raise _damaged(*damaged)

    def check_verifying(self, purpose: str, kids: Iterable[str]) -> None:
        """Look whether what these keys signed can be verified, but for those that were given up as lost.

        Raises Unavailable `keys_missing`, `keys_public_missing`.
        """
        folder = self._folder(purpose)
        files = [folder / f"{kid}.public" for kid in sorted(kids)]
        if missing := [file for file in files if not file.exists() and not file.with_suffix(".lost").exists()]:
            raise _missing(*missing)

    def try_out(self, purposes: Iterable[str]) -> None:
        """Sign, seal, and undo it, with the keys of these purposes; raises Unavailable as all do that need a key."""
        for purpose in purposes:
            if purpose == DATA:
                self.unseal(self.seal(b"", _TRIAL), _TRIAL)
                continue
            if purpose in _MARKS:
                self.marks(_TRIAL, purpose=purpose)
                continue
            kid, signature = self.sign(purpose, _TRIAL.encode())
            # Not from memory: by its public half, as anybody else would.
            self._own.pop(signature, None)
            if not self.verify(purpose, kid, signature, _TRIAL.encode()):
                raise _missing(self._folder(purpose) / f"{kid}.public")

    def public_keys(self, purpose: str) -> dict[str, bytes]:
        """All public keys of a purpose by kid (32 raw bytes each), for others to verify with."""
        self._ensure(purpose)
        return {file.stem: file.read_bytes() for file in sorted(self._folder(purpose).glob("*.public"))}

    def seal(self, plaintext: bytes, bound_to: str) -> bytes:
        """Encrypt; the result opens only with the same `bound_to` (the id of what it belongs to)."""
        stamp = _stamp(self._current_of(DATA)) or self._ensure(DATA)
        if self._sealing is None or self._sealing[0] != stamp:
            self._sealing = (stamp, self._folder(DATA).joinpath("current").read_text())
        kid = self._sealing[1]
        cipher = self._cipher(kid)
        if cipher is None:
            raise _missing(self._folder(DATA) / f"{kid}.secret")
        nonce = os.urandom(_NONCE_BYTES)
        return bytes.fromhex(kid) + nonce + cipher.encrypt(nonce, plaintext, bound_to.encode())

    def unseal(self, sealed: bytes, bound_to: str) -> bytes:
        """What `seal` was given; raises CannotOpen."""
        kid, rest = sealed[:_KID_BYTES].hex(), sealed[_KID_BYTES:]
        cipher = self._cipher(kid)
        if cipher is None:
            raise CannotOpen("no such key")
        try:
            return cipher.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], bound_to.encode())
        except (InvalidTag, ValueError):
            raise CannotOpen("changed, or sealed for something else") from None

    def pseudonym(self, text: str) -> bytes:
        """16 bytes that are the same for the same text, and tell nobody without our keys which text that was.

        Another after a rotation of the data key.
        """
        stamp = _stamp(self._current_of(DATA)) or self._ensure(DATA)
        if self._naming is None or self._naming[0] != stamp:
            folder = self._folder(DATA)
            file = folder / f"{_current(folder)}.secret"
            secret = _read_key(file)
            if secret is None:
                raise _missing(file)
            # Not the key that seals: each does one thing.
            self._naming = (stamp, hmac.digest(secret, b"pseudonyms", "sha256"))
        return hmac.digest(self._naming[1], text.encode(), "sha256")[:16]

    def marks(self, text: str, *, purpose: str = VOUCHERS) -> list[bytes]:
        """What a text is filed under (HMAC-SHA256), by each key of VOUCHERS (or of NUMBERS) there ever was.

        The first is for what is new. Nobody without the keys can tell whose mark it is, nor try texts out.
        """
        stamp = _stamp(self._current_of(purpose)) or self._ensure(purpose)
        known = self._marking.get(purpose)
        if known is None or known[0] != stamp:
            folder = self._folder(purpose)
            newest = folder / f"{_current(folder)}.secret"
            older = sorted(file for file in folder.glob("*.secret") if file != newest)
            secrets = [_read_key(file) for file in (newest, *older)]
            if secrets[0] is None:
                raise _missing(newest)
            known = self._marking[purpose] = (stamp, [secret for secret in secrets if secret is not None])
        return [hmac.digest(secret, text.encode(), "sha256") for secret in known[1]]

    def _flaws(self, purpose: str) -> tuple[list[Path], list[Path]]:
        """The files of a purpose that are missing, and those that are damaged."""
        folder = self._folder(purpose)
        if not folder.is_dir():
            return [folder], []
        with self._alone(folder):
            kid = _current(folder)
            if kid is None:
                return [folder / "current"], []
            if not _KID.fullmatch(kid):
                return [], [folder / "current"]
            endings = ("secret",) if purpose in _SECRETS else ("private", "public")
            needed = [folder / f"{kid}.{ending}" for ending in endings]
            keys = [file for ending in endings for file in sorted(folder.glob(f"*.{ending}"))]
            return [file for file in needed if not file.exists()], [file for file in keys if not _is_whole(file)]

    def _current_of(self, purpose: str) -> str:
        known = self._currents.get(purpose)
        if known is None:
            known = self._currents[purpose] = str(self._folder(purpose) / "current")
        return known

    def _folder(self, purpose: str) -> Path:
        if _PURPOSE.fullmatch(purpose) is None:
            raise ValueError(f"not a purpose of a key: {purpose!r}")
        return self.directory / purpose

    def _ensure(self, purpose: str) -> int:
        """Make the purpose's first key unless it has one; of several processes one makes it. Gives its stamp."""
        folder = self._folder(purpose)
        if (stamp := _stamp(folder / "current")) is not None:
            return stamp
        if purpose in self._kept:
            raise _missing(folder / "current")
        with self._alone(folder):
            if _current(folder) is None:
                (self._make_secret if purpose in _SECRETS else self._make_signer)(folder)
            stamp = _stamp(folder / "current")
        if stamp is None:
            raise FileNotFoundError(folder / "current")
        return stamp

    @contextmanager
    def _alone(self, folder: Path) -> Iterator[None]:
        # One by one: `parents=True` would give the outer directory the usual permissions.
        self.directory.mkdir(mode=0o700, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _make_signer(self, folder: Path) -> str:
        private = Ed25519PrivateKey.generate()
        public = private.public_key().public_bytes_raw()
        kid = _kid_of(public)
        _write(folder / f"{kid}.public", public)
        _write(folder / f"{kid}.private", private.private_bytes_raw())
        _write(folder / "current", kid.encode())
        return kid

    def _make_secret(self, folder: Path) -> str:
        kid = os.urandom(_KID_BYTES).hex()
        _write(folder / f"{kid}.secret", os.urandom(_KEY_BYTES))
        _write(folder / "current", kid.encode())
        return kid

    def _read_signer(self, folder: Path) -> tuple[int, str, Signer]:
        """Under the lock: a rotation removes the old private half just after it names the new one."""
        with self._alone(folder):
            kid = _current(folder) or ""
            stamp = _stamp(folder / "current") or 0
            if not _KID.fullmatch(kid):
                raise _damaged(folder / "current")
            raw = _read_key(folder / f"{kid}.private")
            if raw is None:
                raise _missing(folder / f"{kid}.private")
            return stamp, kid, Signer(Ed25519PrivateKey.from_private_bytes(raw))

    def _verifier(self, purpose: str, kid: str) -> Verifier | None:
        known = self._verifiers.get((purpose, kid))
        if known is None and _KID.fullmatch(kid):
            raw = _read_key(self._folder(purpose) / f"{kid}.public")
            if raw is not None:
                known = Verifier(Ed25519PublicKey.from_public_bytes(raw))
                if len(self._verifiers) < _KEPT:
                    self._verifiers[purpose, kid] = known
        return known

    def _cipher(self, kid: str) -> AESGCM | None:
        known = self._ciphers.get(kid)
        if known is None and _KID.fullmatch(kid):
            raw = _read_key(self._folder(DATA) / f"{kid}.secret")
            if raw is not None:
                known = self._ciphers[kid] = AESGCM(raw)
        return known


def _write(file: Path, content: bytes) -> None:
    """Write whole or not at all, durably, for our eyes only: under a name nobody reads, then renamed."""
    unfinished = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    unfinished.rename(file)
    directory = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _read(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return None


def _read_key(file: Path) -> bytes | None:
    """A key's bytes; raises Unavailable `keys_damaged` for what is none: a wrong answer would be worse than none."""
    raw = _read(file)
    if raw is not None and not _fits(file, raw):
        raise _damaged(file)
    return raw


def _is_whole(file: Path) -> bool:
    raw = _read(file)
    return raw is not None and _fits(file, raw)


def _fits(file: Path, raw: bytes) -> bool:
    """Whether these are the bytes of the key its file is named for. A secret's name says nothing of its bytes."""
    if len(raw) != _KEY_BYTES:
        return False
    if file.suffix == ".private":
        raw = Ed25519PrivateKey.from_private_bytes(raw).public_key().public_bytes_raw()
    return file.suffix == ".secret" or _kid_of(raw) == file.stem


def _kid_of(public: bytes) -> str:
    return sha256(public).hexdigest()[:16]


def _follows(file: Path) -> bool:
    """Whether this is the file of a public half that is missing, beside the private one that it follows from."""
    private = file.with_suffix(".private")
    return file.suffix == ".public" and not file.exists() and private.exists() and _is_whole(private)


def _missing(*files: Path) -> Unavailable:
    code = "keys_public_missing" if all(map(_follows, files)) else "keys_missing"
    return Unavailable(code, who=WhoMustAct.YOU, files=[str(file) for file in files])


def _damaged(*files: Path) -> Unavailable:
    return Unavailable("keys_damaged", who=WhoMustAct.YOU, files=[str(file) for file in files])


def _current(folder: Path) -> str | None:
    raw = _read(folder / "current")
    return raw.decode(errors="replace") if raw is not None else None


def _stamp(file: Path | str) -> int | None:
    """What changes when the file is replaced: each replacement is another inode at another time."""
    try:
        facts = os.stat(file)  # noqa: PTH116 - a Path made for each signature costs more than the look itself
    except FileNotFoundError:
        return None
    return hash((facts.st_mtime_ns, facts.st_ino)) or 1
