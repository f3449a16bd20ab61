"""Who is at the other end, whatever a header says (G27)."""

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topup.platform.addresses import client_of, is_loopback

PROXIES = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.9", "", "203.0.113.9"),
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "1.1.1.1, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", "1.1.1.1,198.51.100.1,10.0.0.3,10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "198.51.100.1, nonsense", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1:4711", "198.51.100.1"),
        ("10.0.0.1", "[2001:db8::1]:4711", "2001:db8::1"),
        ("fd00::1", "2001:db8::1", "2001:db8::1"),
        ("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("unknown", "198.51.100.1", "unknown"),
    ],
)
def test_only_what_a_trusted_proxy_wrote_is_believed(peer, forwarded, client):
    assert client_of(peer, forwarded, PROXIES) == client


@given(st.text(max_size=400))
def test_nothing_a_stranger_writes_changes_his_address(forwarded):
    assert client_of("203.0.113.9", forwarded, PROXIES) == "203.0.113.9"


@given(st.text(max_size=200))
def test_behind_a_proxy_only_its_own_entry_counts(forged):
    assert client_of("10.0.0.1", f"{forged},198.51.100.1", PROXIES) == "198.51.100.1"


@pytest.mark.parametrize(
    ("address", "local"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("::ffff:127.0.0.1", True), ("10.0.0.1", False),
     ("unknown", False), ("", False)],
)  # fmt: skip
def test_loopback_is_this_machine(address, local):
    assert is_loopback(address) is local
