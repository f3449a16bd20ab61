"""The simulators of a demonstration: one pair for each data directory, back on their ports, gone with their starter."""

import asyncio
import os
import signal
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from topup.bootstrap.simulators import Outside, simulators

pytestmark = pytest.mark.xdist_group("serving")


def gateway(outside: Outside) -> str:
    return str(outside.wanted["payments"]["sandbox"]["base_url"])


async def answers(address: str) -> bool:
    def ask() -> bool:
        try:
            urllib.request.urlopen(address, timeout=5)  # noqa: S310 - our own process
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True

    return await asyncio.to_thread(ask)


async def until(condition, timeout_s: float = 30.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not await condition():  # noqa: ASYNC110 - another process gives no event
            await asyncio.sleep(0.05)


def processes(folder: Path) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = entry.joinpath("cmdline").read_bytes()
        except OSError:
            continue
        if b"topup_simulators" in words and str(folder).encode() in words:
            found.append(int(entry.name))
    return found


async def test_a_second_process_joins_and_a_second_start_finds_the_same_ports(tmp_path: Path) -> None:
    async with simulators(tmp_path, address="http://127.0.0.1:8080") as first:
        assert first.server is None
        assert await answers(gateway(first))
        async with simulators(tmp_path, address=None) as second:
            assert second.wanted == first.wanted
            assert second.server == "http://127.0.0.1:8080"
        assert await answers(gateway(first))
    assert processes(tmp_path) == []
    assert not await answers(gateway(first))
    async with simulators(tmp_path, address=None) as third:
        assert gateway(third) == gateway(first)
        assert third.server is None


async def test_one_that_is_killed_comes_back_on_its_port(tmp_path: Path) -> None:
    async with simulators(tmp_path, address=None) as outside:
        before = processes(tmp_path)
        for pid in before:
            os.kill(pid, signal.SIGKILL)

        async def back() -> bool:
            return await answers(gateway(outside))

        await until(back)
        assert set(processes(tmp_path)).isdisjoint(before)


async def test_a_port_that_somebody_took_meanwhile_is_given_up(tmp_path: Path) -> None:
    async with simulators(tmp_path, address=None) as first:
        port = int(gateway(first).rpartition(":")[2])
    taken = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", port)
    async with taken, simulators(tmp_path, address=None) as second:
        assert gateway(second) != gateway(first)
        assert await answers(gateway(second))
