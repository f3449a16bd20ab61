"""Tests talk to this machine only: a connection or a name beyond loopback fails the test that made it."""

import ipaddress
import socket

import pytest


class OutsideConnection(AssertionError):
    """A test tried to leave the machine."""


def is_inside(host: object) -> bool:
    if host is None or host in {"", "localhost", "localhost.localdomain"}:
        return True
    name = host.decode() if isinstance(host, bytes) else str(host)
    try:
        return ipaddress.ip_address(name.split("%")[0]).is_loopback
    except ValueError:
        return name.endswith(".localhost")


@pytest.fixture(scope="session", autouse=True)
def _no_outside_sockets():
    patch = pytest.MonkeyPatch()
    for name in ("connect", "connect_ex"):
        patch.setattr(socket.socket, name, _guarded(getattr(socket.socket, name)))
    resolve = socket.getaddrinfo

    def guarded_resolve(host, *arguments, **named):
        if not is_inside(host) and host not in {"0.0.0.0", "::"}:  # noqa: S104 - asked for when listening
            raise OutsideConnection(f"a test asked for the address of {host!r}")
        return resolve(host, *arguments, **named)

    patch.setattr(socket, "getaddrinfo", guarded_resolve)
    yield
    patch.undo()


def _guarded(connect):
    def guarded(self, address, *arguments):
        if self.family in {socket.AF_INET, socket.AF_INET6} and not is_inside(address[0]):
            raise OutsideConnection(f"a test connected to {address[0]!r}")
        return connect(self, address, *arguments)

    return guarded
