"""A demonstration for commands to work on: made once by a server that came and went, and copied for each module.

While a module's tests run, its database runs too, as it does for an operator who has `topup serve` beside the command
line; that a command starts and stops it itself is shown by `tests/integration/cli/test_staff.py` and `test_serving.py`.
"""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands import serving
from tests.support.database import temporary_data_dir
from topup.platform.embedded import EmbeddedServer


@pytest.fixture(scope="session")
def _made() -> Iterator[Path]:
    with temporary_data_dir() as data_dir:
        with serving(data_dir) as server:
            assert server.stop() == 0
        yield data_dir


@pytest.fixture(scope="module")
def demonstration(_made: Path) -> Iterator[Path]:
    """The data directory of a demonstration that was served once, and is the module's own."""
    with temporary_data_dir() as data_dir:
        subprocess.run(["cp", "--archive", _made, data_dir], check=True)
        with EmbeddedServer.start(data_dir):
            yield data_dir
