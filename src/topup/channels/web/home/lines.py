"""Which of somebody's lines is meant."""

from collections.abc import Sequence

from topup.kernel.errors import NotFound
from topup.lines.owners import OwnedLine


def one_of(lines: Sequence[OwnedLine], line_id: str) -> OwnedLine:
    """The line of that id in this account; raises NotFound `line_unknown`."""
    for line in lines:
        if line.ref.id == line_id:
            return line
    raise NotFound("line_unknown")
