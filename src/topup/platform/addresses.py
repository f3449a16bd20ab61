"""Who is at the other end. What proxies write is believed only where the settings name the proxy (G27)."""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Final

from topup.platform.settings import Network

NOBODY: Final = "unknown"
"""The peer of a connection without an address, as over a Unix socket."""
FORWARDING: Final = frozenset({b"x-forwarded-for", b"forwarded", b"x-real-ip", b"via", b"x-forwarded-host"})
"""Headers that only a proxy sends."""
_MOST_HOPS: Final = 32


@lru_cache(maxsize=8192)
def client_of(peer: str, forwarded_for: str, trusted: tuple[Network, ...]) -> str:
    """The address of the client: the last one in X-Forwarded-For that is not a trusted proxy's own.

    The header is read from its end, hop by hop, only while the hop that wrote an entry is trusted. An entry that is no
    address ends the reading at the proxy that wrote it.
    """
    client = peer
    for entry in reversed(forwarded_for.split(",")[-_MOST_HOPS:]):
        if not _is_among(client, trusted):
            return client
        hop = _address(entry)
        if hop is None:
            return client
        client = hop
    return client


@lru_cache(maxsize=8192)
def is_loopback(address: str) -> bool:
    """Whether it is this machine's own."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped:
        return parsed.ipv4_mapped.is_loopback
    return parsed.is_loopback


def _is_among(address: str, networks: Iterable[Network]) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    return any(parsed in network for network in networks)


def _address(entry: str) -> str | None:
    """An entry as proxies write it: an address, perhaps with a port or in brackets."""
    text = entry.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(ip_address(text))
    except ValueError:
        return None
