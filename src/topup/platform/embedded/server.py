"""The life of the embedded server: made, started, joined, left, stopped by the last who used it."""

import errno
import os
import shutil
import time
from collections.abc import Mapping
from enum import Enum, auto
from pathlib import Path
from subprocess import CompletedProcess
from typing import Final, Self
from urllib.parse import quote

import psycopg
from psycopg import sql

from topup.kernel.errors import Unavailable, WhoMustAct
from topup.platform.embedded import binaries, place
from topup.platform.embedded.account import Account, server_account
from topup.platform.embedded.locks import Use, gate

NAME: Final = "topup"
"""Of the superuser and of the database."""

SETTINGS: Final[Mapping[str, str]] = {
    "listen_addresses": "''",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "'256MB'",
    "max_wal_size": "'2GB'",
    "min_wal_size": "'256MB'",
    "wal_compression": "off",
    "checkpoint_timeout": "'10min'",
    "synchronous_commit": "on",
    "fsync": "on",
    "full_page_writes": "on",
    "jit": "off",
    "random_page_cost": "1.1",
    "timezone": "'UTC'",
    "log_timezone": "'UTC'",
    "log_min_messages": "warning",
    "log_line_prefix": "'%m [%p] '",
    # A failed statement's values may be personal: the log keeps the message and drops the statement.
    "log_min_error_statement": "panic",
    "log_parameter_max_length_on_error": "0",
    "log_error_verbosity": "terse",
}
"""For a small machine (two cores), durable: what is acknowledged is on the disk."""

_GATE_S: Final = 180.0
_START_S: Final = 120
_ATTEMPTS: Final = 5
_CONNECT_S: Final = 10
_STOP_S: Final = 20
_SAID: Final = 8_192
_INHERITED: Final = "shared memory block"
"""PostgreSQL's word for a killed server whose children are still there: the one failure to start that passes."""
_CLOSED: Final = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
_NOBODY: Final = 2**22 + 1
"""A process id above Linux's limit (PID_MAX_LIMIT, 2^22): no process ever has it."""


class Condition(Enum):
    """How a server is, seen from outside."""

    ALIVE = auto()
    DEAD = auto()
    """It ended without an order to: its lock file is there, its process is not."""
    STOPPED = auto()
    """It was told to end, and took its lock file away."""


class EmbeddedServer:
    """A hold on the embedded PostgreSQL of one data directory; `url` connects as its superuser.

    Whoever starts first starts the server, others join it, the last to `close` stops it. A process that is killed
    leaves it running for the next one to join. A server that is killed is brought back by `revive`, which any of those
    who hold it may call.
    """

    def __init__(self, *, url: str, beginning: "_Start", use: Use) -> None:
        self.url = url
        """Holds the password: never printed."""
        self.home = beginning.home
        self.programs = beginning.programs
        self._beginning = beginning
        self._account = beginning.account
        self._use: Use | None = use

    @classmethod
    def start(cls, data_dir: Path, *, programs: Path | None = None, settings: Mapping[str, str] | None = None) -> Self:
        """Start or join the server of `data_dir`; `settings` are put over SETTINGS, `programs` is a `bin` directory.

        Raises Unavailable: `database_busy`, `database_disk_full`, `database_broken`, `database_missing`,
        `data_dir_unusable` where we may not write.
        """
        account = server_account()
        try:
            home = place.prepare(data_dir, account)
            with gate(home, timeout_s=_GATE_S):
                use = Use(home)
                try:
                    chosen = programs or binaries.programs(home, account)
                    beginning = _Start(home, chosen, account, {**SETTINGS, **(settings or {})})
                    url = beginning.run()
                except BaseException:
                    use.drop()
                    raise
        except OSError as error:
            raise _problem_of_system(data_dir, error) from error
        return cls(url=url, beginning=beginning, use=use)

    def condition(self) -> Condition:
        """How the server is, from its lock file and its process: quick, and asks nobody."""
        try:
            process = _postmaster(self.home / "cluster")
        except OSError:
            # A disk that cannot be read tells nothing: who starts it again will hear more.
            return Condition.DEAD
        if process is None:
            return Condition.STOPPED
        return Condition.ALIVE if _serves(process, self.home / "cluster") else Condition.DEAD

    def revive(self) -> bool:
        """Start it again where it is gone, as it was configured; False where another did so meanwhile.

        Nothing is ever made anew: a cluster that is not there any more is a broken one. Raises Unavailable as `start`.
        """
        try:
            with gate(self.home, timeout_s=_GATE_S):
                return self._beginning.again(self.url)
        except OSError as error:
            raise _problem_of_system(self.home, error) from error

    def close(self) -> None:
        """Leave; the last one stops the server. Calling it again does nothing."""
        use, self._use = self._use, None
        if use is None:
            return
        with gate(self.home, timeout_s=_GATE_S):
            if use.drop():
                cluster = self.home / "cluster"
                process = _postmaster(cluster)
                # A full disk can keep a server from its last checkpoint for ever: it recovers at its next start.
                if self._stop(cluster, "fast").returncode:
                    self._stop(cluster, "immediate")
                _see_out(process, cluster)
                place.forget_socket(self.home)

    def _stop(self, cluster: Path, mode: str) -> CompletedProcess[str]:
        return self._account.run(
            self.programs / "pg_ctl", "stop", "-s", "-D", cluster, "-m", mode, "-w", "-t", str(_STOP_S)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Start:
    """One start or join, inside the gate."""

    def __init__(self, home: Path, programs: Path, account: Account, settings: Mapping[str, str]) -> None:
        self.home = home
        self.cluster = home / "cluster"
        self.programs = programs
        self.account = account
        self.settings = settings

    def run(self) -> str:
        """Bring the server up and give its address; raises Unavailable."""
        secret = place.password(self.home)
        if not self.cluster.exists():
            self._create(secret)
        directory = place.socket_directory(self.home, self.account)
        url = f"postgresql://{NAME}:{quote(secret)}@/{NAME}?host={quote(str(directory), safe='')}&port={place.PORT}"
        self._see_up(url, directory, configuring=True)
        return url

    def again(self, url: str) -> bool:
        """Bring it up at the address it had, with the configuration it had; False where it runs. Raises Unavailable."""
        if self._running() and self._greet(url):
            return False
        directory = place.socket_directory(self.home, self.account)
        if not self.cluster.exists() or quote(str(directory), safe="") not in url:
            raise _problem(self.home, "what it was made of is gone")
        self._see_up(url, directory, configuring=not self._configuration.exists())
        return True

    def _see_up(self, url: str, directory: Path, *, configuring: bool) -> None:
        for _ in range(_ATTEMPTS):
            if not self._running():
                if configuring:
                    self._configure(directory)
                self._bring_up(directory)
            if self._greet(url):
                return
        raise _problem(self.home, "the server is shutting down again and again")

    def _create(self, secret: str) -> None:
        """Initdb under a temporary name, then rename: a cluster that has its name is whole."""
        unfinished = self.home / "cluster.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        phrase = self.home / "password.initdb"
        try:
            phrase.touch(mode=0o600)
            phrase.write_text(secret)
            self.account.own(unfinished)
            self.account.own(phrase)
            answer = self.account.run(
                self.programs / "initdb", "-D", unfinished, "-U", NAME, f"--pwfile={phrase}", "-A", "scram-sha-256",
                "-E", "UTF8", "--locale=C", "--data-checksums",
            )  # fmt: skip
        finally:
            phrase.unlink(missing_ok=True)
        if answer.returncode:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise _problem(self.home, answer.stderr)
        with (unfinished / "postgresql.conf").open("a") as configuration:
            configuration.write("\ninclude_if_exists = '../topup.conf'\n")
        unfinished.rename(self.cluster)
        _sync(self.home)

    def _running(self) -> bool:
        """Whether a postmaster lives in the cluster.

        A dead one whose process id lives on (as a zombie nobody reaps, or as another program after a reboot) would keep
        PostgreSQL from starting: the id in its lock file is then replaced by one no process has, and PostgreSQL makes
        its own check of the shared memory before it takes over.
        """
        process = _postmaster(self.cluster)
        if process is None:
            return False
        if _serves(process, self.cluster):
            return True
        file = self.cluster / "postmaster.pid"
        file.write_text("\n".join([str(_NOBODY), *file.read_text().split("\n")[1:]]))
        return False

    def _bring_up(self, directory: Path) -> None:
        for left in directory.iterdir():
            # Of a postmaster that died: we are alone in the gate, the directory is this server's only, and none lives.
            left.unlink()
        log = self.home / "server.log"
        log.touch(mode=0o600)
        self.account.own(log)
        begun = log.stat().st_size
        said = ""
        for attempt in range(_ATTEMPTS):
            answer = self.account.run(
                self.programs / "pg_ctl", "start", "-s", "-D", self.cluster, "-l", log, "-w", "-t", str(_START_S)
            )
            if answer.returncode == 0:
                return
            said = answer.stderr + _end_of(log, since=begun)
            if _INHERITED not in said:
                break
            # Children of a killed postmaster need a moment to notice; until then its shared memory is in use.
            time.sleep(0.1 * 2**attempt)
            begun = log.stat().st_size
        raise _problem(self.home, said)

    def _configure(self, directory: Path) -> None:
        lines = [f"{name} = {value}" for name, value in self.settings.items()]
        lines += [f"unix_socket_directories = '{str(directory).replace(chr(39), chr(39) * 2)}'", f"port = {place.PORT}"]
        # In our directory, not in the server's: root writes no file where another user could have put a link.
        file = self._configuration
        file.write_text("\n".join(lines) + "\n")
        file.chmod(0o600)
        self.account.own(file)

    @property
    def _configuration(self) -> Path:
        return self.home / "topup.conf"

    def _greet(self, url: str) -> bool:
        """Connect once, so that what we hand out is known to answer; make the database where it is missing.

        False where the server was on its way out, as one whose disk was full may still be: it has gone now.
        """
        begun = time.monotonic()
        while True:
            try:
                psycopg.connect(url, connect_timeout=_CONNECT_S).close()
            except psycopg.OperationalError as error:
                leaving = "shutting down" in str(error)
                if leaving and not self._running():
                    return False
                patience_s = _START_S if leaving or "starting up" in str(error) else _CONNECT_S
                if "does not exist" in str(error) and "database" in str(error):
                    self._create_database(url)
                elif time.monotonic() > begun + patience_s:
                    raise _problem(self.home, str(error)) from error
                elif leaving or self._running():
                    time.sleep(0.05)
                else:
                    return False
            else:
                return True

    def _create_database(self, url: str) -> None:
        with psycopg.connect(url, dbname="postgres", autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(NAME)))


def _end_of(log: Path, *, since: int) -> str:
    with log.open(errors="replace") as stream:
        stream.seek(max(since, log.stat().st_size - _SAID))
        return stream.read()


def _postmaster(cluster: Path) -> int | None:
    """The process id in the cluster's lock file, whether or not it lives."""
    try:
        return int((cluster / "postmaster.pid").read_text().split("\n")[0])
    except (FileNotFoundError, ValueError):
        return None


def _serves(process: int, cluster: Path) -> bool:
    """Whether that process lives and is a PostgreSQL at work in that cluster."""
    try:
        facts = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    name, state = facts[facts.index("(") + 1 : facts.rindex(")")], facts[facts.rindex(")") + 2]
    if name != "postgres" or state in "ZX":
        return False
    try:
        return Path(f"/proc/{process}/cwd").readlink() == cluster.resolve()
    except OSError:
        # In a container even root may not look where another user's process is: its name must do.
        return True


def _see_out(process: int | None, cluster: Path) -> None:
    """Wait until it is gone: pg_ctl is content when the lock file is, a moment before the files are let go."""
    deadline = time.monotonic() + _CONNECT_S
    while process is not None and _serves(process, cluster) and time.monotonic() < deadline:
        time.sleep(0.005)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _problem_of_system(path: Path, error: OSError) -> Unavailable:
    """What the file system refused us ourselves."""
    if error.errno in _CLOSED:
        reason = error.strerror or "unknown"
        return Unavailable("data_dir_unusable", who=WhoMustAct.YOU, path=str(path), reason=reason)
    return _problem(path, str(error))


def _problem(path: Path, said: str) -> Unavailable:
    """What stderr or the log said, as one of our sentences."""
    # The last: a page of which half could be written is told without the system's word for it.
    if any(sign in said for sign in ("No space left on device", "Disk quota exceeded", "Check free disk space")):
        return Unavailable("database_disk_full", path=str(path))
    return Unavailable("database_broken", path=str(path), log=str(path / "server.log"))
