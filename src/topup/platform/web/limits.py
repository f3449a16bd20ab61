"""How often one address may ask: the generic cell rate algorithm (ITU-T I.371), in bounded memory, per process."""

from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from math import ceil
from typing import Final

from topup.kernel.errors import Throttled

_WINDOW_S: Final = 60.0
_CAPACITY: Final = 50_000
"""Addresses remembered. Beyond, the one that asked longest ago is forgotten: a flood cannot fill the memory."""


class Limits:
    """Counts by kind and address. `rates` gives the requests a minute of each kind, all of which may come at once."""

    def __init__(self, *, rates: Mapping[str, int], capacity: int = _CAPACITY) -> None:
        self._intervals_s = {kind: _WINDOW_S / rate if rate else 0.0 for kind, rate in rates.items()}
        self._capacity = capacity
        self._due: dict[tuple[str, str], float] = {}
        """When the address has paid for all it asked; entries stand in the order of their last request."""

    def check(self, *, kind: str, address: str, now_s: float) -> None:
        """Count one request; `now_s` is of a monotonic clock.

        Raises Throttled `too_many_requests` with `retry_after_s`; a request refused is not counted.
        """
        interval_s = self._intervals_s[kind]
        if not interval_s:
            return
        place = (kind, neighbourhood(address))
        due = max(self._due.get(place, now_s), now_s) + interval_s
        # Rates do not divide a minute evenly: without the margin a rounding error takes the last request away.
        if due - now_s > _WINDOW_S + interval_s / 2:
            raise Throttled("too_many_requests", retry_after_s=max(1, ceil(due - now_s - _WINDOW_S)))
        self._due.pop(place, None)
        self._due[place] = due
        self._forget(now_s)

    def _forget(self, now_s: float) -> None:
        """Let go of up to two of the oldest: those that are paid for, or any beyond the capacity."""
        for _ in range(2):
            oldest = next(iter(self._due))
            if self._due[oldest] > now_s and len(self._due) <= self._capacity:
                return
            del self._due[oldest]


@lru_cache(maxsize=8192)
def neighbourhood(address: str) -> str:
    """What counts as one caller: an IPv4 address, or the /64 of an IPv6 one, which a single subscriber has whole."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address[:64]
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return f"{IPv6Address(int(parsed) >> 64 << 64)}/64"
