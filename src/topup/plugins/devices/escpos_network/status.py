"""What a printer's answers mean: single bytes with some bits fixed (DLE EOT, GS r). Whatever has others is garbled."""

from collections.abc import Sequence
from typing import Final

from topup.shops.printing.ports import Standing, Trouble

ASK: Final = b"\x10\x04"
"""DLE EOT: answered at once, whatever the printer is busy with."""
QUESTIONS: Final = (1, 2, 3, 4)
"""Printer, why it is off line, error, paper."""

_FIXED: Final = 0b1001_0011
_AS: Final = 0b0001_0010
_DRAWER: Final = 0x04
_OFF_LINE: Final = 0x08
_COVER: Final = 0x04
_STOPPED_FOR_PAPER: Final = 0x20
_CUTTER: Final = 0x08
_BROKEN: Final = 0x20
_LOW: Final = 0x0C
_OUT: Final = 0x60
_DONE_FIXED: Final = 0b1001_0000
_DONE_OUT: Final = 0x0C


class Garbled(ValueError):
    """No answer that such a printer gives."""


def read(answers: Sequence[int]) -> Standing:
    """How the printer stands by its four answers. Raises Garbled."""
    if len(answers) != len(QUESTIONS) or any(answer & _FIXED != _AS for answer in answers):
        raise Garbled
    printer, off_line, error, paper = answers
    return Standing(
        trouble=_trouble(printer, off_line, error, paper),
        paper_low=bool(paper & _LOW),
        drawer_open=bool(printer & _DRAWER),
    )


def _trouble(printer: int, off_line: int, error: int, paper: int) -> Trouble | None:
    """The first that somebody at the printer would mend."""
    if off_line & _COVER:
        return Trouble.COVER_OPEN
    if paper & _OUT or off_line & _STOPPED_FOR_PAPER:
        return Trouble.PAPER_OUT
    if error & _CUTTER:
        return Trouble.CUTTER
    if error & _BROKEN:
        return Trouble.BROKEN
    return Trouble.BUSY if printer & _OFF_LINE else None


def has_printed(answer: int) -> bool:
    """Whether the answer to `TELL_WHEN_DONE` says that all is out; else the paper ended. Raises Garbled."""
    if answer & _DONE_FIXED:
        raise Garbled
    return not answer & _DONE_OUT
