"""Which carrier a number's range belongs to."""

from collections.abc import Iterable


class Numbering:
    """An index of E.164 prefixes; the longest one that a number begins with decides."""

    __slots__ = ("_carriers", "_lengths")

    def __init__(self, ranges: Iterable[tuple[str, str]]) -> None:
        """`ranges` are pairs of prefix and carrier id."""
        self._carriers = dict(ranges)
        self._lengths = sorted({len(prefix) for prefix in self._carriers}, reverse=True)

    def carrier_of(self, e164: str) -> str | None:
        """The id of the carrier that `e164` (as `+8613800138000`) was given out by, or None."""
        for length in self._lengths:
            carrier = self._carriers.get(e164[:length])
            if carrier is not None:
                return carrier
        return None


def overlaps(prefix: str, others: Iterable[str]) -> str | None:
    """The first of `others` that shares numbers with `prefix`, or None."""
    return next((other for other in others if prefix.startswith(other) or other.startswith(prefix)), None)
