"""What an operator says of each till's printer.

[devices.escpos_network.tills.counter-1]
host = "192.0.2.10"
paper_mm = 58
"""

import re
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Encoding = Literal["gb18030", "cp437", "cp858", "cp1252"]

TILL: Final = r"^[a-z][a-z0-9-]{0,39}$"
_HOST: Final = re.compile(r"[A-Za-z0-9._:-]{1,253}", re.ASCII)


class TillPrinter(BaseModel):
    """One printer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: Annotated[str, StringConstraints(pattern=_HOST.pattern)]
    port: int = Field(default=9100, ge=1, le=65_535)
    paper_mm: Literal[58, 80] = 80
    encoding: Encoding = "gb18030"
    """`gb18030` for Chinese; the code page of a printer without Chinese characters."""
    code: Literal["native", "image"] = "native"
    """Whether the printer draws QR codes itself, or is sent a picture of them."""
    answers: bool = True
    """Whether it says how it stands; of one that does not, what was sent counts as printed."""


class EscposSettings(BaseModel):
    """The printers, each by the name of its till."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tills: dict[Annotated[str, StringConstraints(pattern=TILL)], TillPrinter] = Field(min_length=1, max_length=1_000)
    connect_s: float = Field(default=2.0, gt=0, le=30)
    """How long to wait for a connection, and for each answer of how it stands."""
    print_s: float = Field(default=15.0, gt=0, le=120)
    """How long a paper may take from the first byte to the printer's word that it is out."""
