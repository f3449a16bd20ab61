"""Reading ESC/POS as a printer does: byte by byte, commands by their own length, text by the character set that is on.

What it does not know it does not guess at: such a byte becomes a fault of the paper, which tests look for.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

_PAGES: Final = {0: "cp437", 16: "cp1252", 19: "cp858"}
_SIZED: Final = {
    b"\x1ba": 1,
    b"\x1bE": 1,
    b"\x1bt": 1,
    b"\x1bp": 3,
    b"\x1d!": 1,
    b"\x1dr": 1,
    b"\x1b@": 0,
    b"\x1c&": 0,
    b"\x1c.": 0,
    b"\x10\x04": 1,
}
"""Commands of a fixed length, and how many bytes of parameters they have."""
_CUT: Final = b"\x1dV"
_FED_CUTS: Final = frozenset({65, 66})
_SYMBOL: Final = b"\x1d(k"
_RASTER: Final = b"\x1dv0"
_LEADS: Final = frozenset(b"\x10\x1b\x1c\x1d")


@dataclass(slots=True)
class Paper:
    """What came out since the last cut."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    drawer: bool = False
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question to answer: `DLE EOT n` (real time) or `GS r n` (in turn)."""

    n: int
    in_turn: bool


@dataclass(frozen=True, slots=True)
class Cut:
    """A finished paper."""

    paper: Paper


Event = Asked | Cut


class Decoder:
    """One connection's stream."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self.paper = Paper()
        self._reset()

    def _reset(self) -> None:
        self._encoding = "cp437"
        self._align, self._strong, self._size = "left", False, 1
        self._text = bytearray()
        self._code = b""

    def feed(self, data: bytes) -> Iterator[Event]:
        """What the bytes bring about, in their order; a command that is not whole yet waits for its rest."""
        self._bytes += data
        while self._bytes:
            length = self._whole()
            if length == 0:
                return
            command = bytes(self._bytes[:length])
            del self._bytes[:length]
            event = self._do(command)
            if event is not None:
                yield event

    def _whole(self) -> int:
        """The length of the next command or byte of text; 0 where more must come first."""
        have = self._bytes
        if have[0] not in _LEADS:
            return 1
        for lead, parameters in _SIZED.items():
            if have[: len(lead)] == lead:
                return _if_there(have, len(lead) + parameters)
        if have[:2] == _CUT:
            return _if_there(have, 4 if len(have) > 2 and have[2] in _FED_CUTS else 3)  # noqa: PLR2004 - GS V m (n)
        if have[:3] == _SYMBOL:
            return _if_there(have, 5 + int.from_bytes(have[3:5], "little")) if len(have) >= 5 else 0  # noqa: PLR2004
        if have[:3] == _RASTER:
            return _if_there(have, 8 + _area(have)) if len(have) >= 8 else 0  # noqa: PLR2004 - GS v 0 m x x y y
        # The lead of something longer, or of nothing that is known.
        return 1 if len(have) > 2 else 0  # noqa: PLR2004

    def _do(self, command: bytes) -> Event | None:
        if len(command) == 1:
            self._letter(command[0])
            return None
        lead, rest = command[:2], command[2:]
        if lead == b"\x10\x04":
            return Asked(rest[0], in_turn=False)
        if lead == b"\x1dr":
            return Asked(rest[0], in_turn=True)
        if lead == _CUT:
            self._end_row(only_text=True)
            done, self.paper = self.paper, Paper()
            return Cut(done)
        if command[:3] == _SYMBOL:
            self._symbol(command[5:])
        elif command[:3] == _RASTER:
            size = [int.from_bytes(command[4:6], "little") * 8, int.from_bytes(command[6:8], "little")]
            self.paper.rows.append({"image": command[8:].hex(), "size": size, "align": self._align})
        else:
            self._set(lead, rest)
        return None

    def _letter(self, byte: int) -> None:
        if byte == ord("\n"):
            self._end_row()
        elif byte < ord(" "):
            self.paper.faults.append(f"byte {byte:02x}")
        else:
            self._text.append(byte)

    def _set(self, lead: bytes, rest: bytes) -> None:
        match lead:
            case b"\x1b@":
                self._reset()
            case b"\x1c&":
                self._encoding = "gb18030"
            case b"\x1c.":
                self._encoding = "cp437"
            case b"\x1bt":
                self._encoding = _PAGES.get(rest[0], "cp437")
            case b"\x1ba":
                self._align = ("left", "centre", "right")[rest[0]]
            case b"\x1bE":
                self._strong = bool(rest[0])
            case b"\x1d!":
                self._size = 2 if rest[0] else 1
            case b"\x1bp":
                self.paper.drawer = True

    def _symbol(self, parameters: bytes) -> None:
        match parameters[:2]:
            case b"1P":
                self._code = parameters[3:]
            case b"1Q":
                self.paper.rows.append({"code": self._code.decode("ascii"), "align": self._align})
            case b"1A" | b"1C" | b"1E":
                pass
            case _:
                self.paper.faults.append(f"symbol {parameters[:2]!r}")

    def _end_row(self, *, only_text: bool = False) -> None:
        if only_text and not self._text:
            return
        try:
            text = self._text.decode(self._encoding)
        except UnicodeDecodeError:
            text = self._text.decode(self._encoding, "replace")
            self.paper.faults.append(f"no {self._encoding}: {self._text.hex()}")
        row = {"text": text, "align": self._align, "strong": self._strong, "size": self._size}
        self.paper.rows.append({**row, "encoding": self._encoding})
        self._text.clear()


def _if_there(have: bytearray, length: int) -> int:
    return length if len(have) >= length else 0


def _area(have: bytearray) -> int:
    return int.from_bytes(have[4:6], "little") * int.from_bytes(have[6:8], "little")
