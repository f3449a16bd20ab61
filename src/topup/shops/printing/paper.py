"""What a paper says, from top to bottom: the same for every printer, and for a PDF of it."""

from typing import Final, Literal

import msgspec

Align = Literal["left", "centre", "right"]


class Line(msgspec.Struct, frozen=True, kw_only=True, tag="line"):
    """A text, broken into as many lines as it takes. `size` 2: twice as high and wide."""

    text: str
    align: Align = "left"
    size: Literal[1, 2] = 1
    strong: bool = False


class Pair(msgspec.Struct, frozen=True, kw_only=True, tag="pair"):
    """A name on the left and a value on the right; the value below where both do not fit."""

    label: str
    value: str
    strong: bool = False


class Rule(msgspec.Struct, frozen=True, kw_only=True, tag="rule"):
    """A line across the paper."""


class Code(msgspec.Struct, frozen=True, kw_only=True, tag="code"):
    """A QR code in the middle; `data` is ASCII."""

    data: str


class Feed(msgspec.Struct, frozen=True, kw_only=True, tag="feed"):
    """Empty lines."""

    lines: int = 1


Block = Line | Pair | Rule | Code | Feed


class Paper(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of paper, cut off at its end. `drawer`: the cash drawer opens with it."""

    title: str
    """What it is, in its own language: of a PDF the title; it is not printed."""
    locale: str
    blocks: tuple[Block, ...]
    drawer: bool = False


LONGEST_CODE: Final = 1_000
"""Bytes of a QR code: with error correction M, 58 mm of paper still show one of that length."""

encode: Final = msgspec.json.Encoder().encode
decode: Final = msgspec.json.Decoder(Paper).decode
