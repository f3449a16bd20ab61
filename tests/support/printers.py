"""A receipt printer as a process. Name this module in `pytest_plugins` to have the fixture `printer`."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.support.simulators import Running, start_simulator
from topup.plugins.devices.escpos_network.settings import EscposSettings


@dataclass
class PrinterRunning(Running):
    """The printer's simulator: its moods, and what came out of it."""

    def behaves(self, mood: str) -> None:
        httpx.post(f"{self.url}/control/mood", json={"mood": mood}).raise_for_status()

    def papers(self) -> list[dict[str, Any]]:
        return httpx.get(f"{self.url}/control/papers").json()

    def texts(self) -> list[str]:
        """Each paper that came out, in lines; a code as its data."""
        return ["\n".join(row.get("text", row.get("code", "")) for row in paper["rows"]) for paper in self.papers()]

    def tear_off(self) -> None:
        """Nobody sees what came out until now."""
        httpx.delete(f"{self.url}/control/papers").raise_for_status()

    def gone(self, *tills: str) -> EscposSettings:
        """The same where nobody answers."""
        return self.settings(*tills, port=free_port())

    def settings(self, *tills: str, **said: Any) -> EscposSettings:
        """A printer for tills, as the ready line has it."""
        one = {**self.ready["printer"], **said}
        return EscposSettings(tills=dict.fromkeys(tills or ("counter-1",), one), connect_s=1.0, print_s=1.0)


def free_port() -> int:
    """A port at which nobody answers."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        return int(held.getsockname()[1])


def _started(directory, *options: str) -> PrinterRunning:
    running = start_simulator("printer", directory, *options)
    return PrinterRunning(running.process, running.ready)


@pytest.fixture(scope="session")
def _printer(tmp_path_factory) -> Iterator[PrinterRunning]:
    running = _started(tmp_path_factory.mktemp("printer"))
    yield running
    running.stop()


@pytest.fixture
def printer(_printer) -> PrinterRunning:
    """Ready, and with nothing in its tray."""
    _printer.behaves("ready")
    _printer.tear_off()
    return _printer
