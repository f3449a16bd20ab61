"""The guard of the tests themselves: nothing leaves the machine."""

import socket

import pytest

from tests.support.sockets import OutsideConnection


def test_a_connection_to_the_outside_fails():
    with socket.socket() as outside, pytest.raises(OutsideConnection):
        outside.connect(("192.0.2.1", 80))


def test_a_name_of_the_outside_is_not_looked_up():
    with pytest.raises(OutsideConnection):
        socket.getaddrinfo("example.com", 443)


def test_loopback_is_inside():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        assert server.getsockname()[1] > 0
