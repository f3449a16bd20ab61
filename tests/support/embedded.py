"""The embedded server under test: other processes that use it, and looks at its files and processes."""

import contextlib
import os
import stat
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from topup.platform.embedded import EmbeddedServer

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root lends the server to another user")

USER = """
import sys
from pathlib import Path
from topup.platform.embedded import EmbeddedServer
server = EmbeddedServer.start(Path(sys.argv[1]))
print(server.url, flush=True)
sys.stdin.readline()
server.close()
"""


@pytest.fixture
def made(data_dir):
    data_dir.mkdir(mode=0o700)
    yield data_dir
    if (data_dir / "database" / "cluster").exists():
        # Join and leave as the last: whatever a test killed or left running is stopped.
        with EmbeddedServer.start(data_dir):
            pass


class Process:
    """Another process that uses the server until it is told to leave."""

    def __init__(self, data_dir, python=sys.executable, **changes):
        self.child = subprocess.Popen(
            [python, "-c", USER, str(data_dir)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            **changes,
        )
        self.url = self.child.stdout.readline().strip()

    def leave(self):
        self.child.communicate("\n", timeout=60)
        assert self.child.returncode == 0

    def kill(self):
        self.child.kill()
        self.child.communicate(timeout=60)


def postmaster(data_dir):
    file = data_dir / "database" / "cluster" / "postmaster.pid"
    return int(file.read_text().split("\n")[0]) if file.exists() else None


def postmasters(data_dir):
    """All that live in the cluster, whatever its lock file says. Their children name no directory; one just forked
    looks like its parent until it has set its title.
    """
    cluster = str((data_dir / "database" / "cluster").resolve())
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                program, *words = (entry / "cmdline").read_text().split("\0")
                if Path(program).name == "postgres" and cluster in words:
                    parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
                    found[int(entry.name)] = int(parent)
    return [process for process, parent in found.items() if parent not in found]


def lives(process):
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


def write(url, statement="CREATE TABLE kept AS SELECT 1 AS value"):
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


def read(url):
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT value FROM kept").fetchone()


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)
