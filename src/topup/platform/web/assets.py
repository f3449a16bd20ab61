"""Files that pages need: named by their content, compressed once, kept by the browser for a year."""

import gzip
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

FOR_EVER: Final = "public, max-age=31536000, immutable"
"""The Cache-Control of a file whose name changes with its content."""

_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".txt": "text/plain; charset=utf-8",
}
_COMPRESSIBLE: Final = frozenset({".css", ".js", ".svg", ".txt"})


@dataclass(frozen=True, slots=True)
class Asset:
    """One file: the path it is served at, which changes with its content, and its bytes."""

    path: str
    media_type: str
    plain: bytes
    compressed: bytes | None

    def encoded(self, accept_encoding: str) -> tuple[bytes, dict[str, str]]:
        """The bytes for a client, and the headers that tell how they are written."""
        if self.compressed is not None and "gzip" in accept_encoding.lower():
            return self.compressed, {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
        return self.plain, {"Vary": "Accept-Encoding"} if self.compressed is not None else {}


def load(folder: Path, *, at: str) -> dict[str, Asset]:
    """Every file of a folder by its plain name, to be served below the path `at`."""
    return {file.name: _load(file, at) for file in sorted(folder.iterdir()) if file.suffix in _TYPES}


def _load(file: Path, at: str) -> Asset:
    plain = file.read_bytes()
    name = f"{file.name.removesuffix(file.suffix)}.{sha256(plain).hexdigest()[:12]}{file.suffix}"
    # No time stamp in the compressed form: the same file gives the same bytes.
    compressed = gzip.compress(plain, 9, mtime=0) if file.suffix in _COMPRESSIBLE else None
    return Asset(f"{at}/{name}", _TYPES[file.suffix], plain, compressed)
