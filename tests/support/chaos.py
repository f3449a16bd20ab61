"""A whole topup in processes of its own, to be killed: `topup serve --demo` on one port, data directory and database,
beside simulators that outlive it.

The simulators are started here and joined by topup, as a command beside a server joins them: so the outside world goes
on while topup is dead, with its delays a tenth of the documented ones. Time that passes meanwhile is written into the
rows that wait for it.
"""

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg

from tests.support.ledger import LANE, NOW, SPEC, credit
from tests.support.nursery import Child, Nursery
from tests.support.serving import free_socket
from tests.support.simulators import Running, a_payment, start_simulator
from topup.kernel.ids import new_id
from topup.kernel.outcome import Done
from topup.ledger import post
from topup.platform.http import Client
from topup.plugins.payments.sandbox import Sandbox, SandboxSettings, ensure_merchant_keys

START_S = 60.0
"""A start on a machine with better things to do; a quiet one takes one second."""
END_S = 15.0
NO_LIMITS = {f"TOPUP_WEB_{kind}_PER_MINUTE": "0" for kind in ("NUMBERS", "QUOTES", "ORDERS", "READS", "KEYS")}

# Events are resent for as long as topup may be dead here: an outside that gave up would be another test.
_PACE = ("--time-factor", "0.1", "--resend-factor", "0.05")
_ASK_CARRIERS = "UPDATE fulfilment.attempts SET act_at = now(), submitted_at = submitted_at - interval '61 s'"
_WHILE_DEAD = (
    # Nobody holds a lease any more, and every schedule has come to its time.
    _ASK_CARRIERS + " WHERE act_at IS NOT NULL",
    "UPDATE payments.payments SET ask_at = now() WHERE ask_at IS NOT NULL",
    "UPDATE payments.refunds SET act_at = now() WHERE act_at IS NOT NULL",
    "UPDATE payments.inbox SET received_at = received_at - interval '1 min' WHERE settled_at IS NULL",
    "UPDATE fulfilment.inbox SET received_at = received_at - interval '1 min' WHERE settled_at IS NULL",
    "UPDATE notifications.messages SET send_at = now() WHERE send_at IS NOT NULL",
    "UPDATE platform.request_keys SET claimed_at = claimed_at - interval '1 min' WHERE status IS NULL",
)
_WHILE_ALIVE = (
    # What somebody may be calling about at this moment keeps its lease.
    _ASK_CARRIERS + " WHERE act_at > now() AND state <> 'submitting'",
    "UPDATE payments.payments SET ask_at = now() WHERE ask_at > now()",
    "UPDATE payments.refunds SET act_at = now() WHERE act_at > now() AND state <> 'sending'",
    "UPDATE notifications.messages SET send_at = now() WHERE send_at > now() AND state = 'waiting'",
)
_GIVE_UP_ON_SILENT_CARRIERS = (
    "UPDATE fulfilment.attempts SET act_at = now(), submitted_at = submitted_at - interval '4 days'"
    " WHERE state = 'accepted' AND msisdn LIKE '%96'"
)
_EXPIRE = (
    "UPDATE orders.orders SET expires_at = now() - interval '1 s' WHERE id = %s AND state = 'awaiting_payment'"
    " AND expires_at > now()"
)
_WAS_ASKED = "SELECT asked > 0 OR ask_at IS NULL FROM payments.payments WHERE id = %s"
_AN_OLD_KEY = (
    "INSERT INTO platform.request_keys (lane, principal, route, key, fingerprint, resource, claimed_at)"
    " VALUES (0, 'guest', 'POST /orders', gen_random_uuid()::text, '', 'ord_x', now() - interval '8 days')"
)


@dataclass
class Outside:
    """The simulated gateway and carrier of one data directory, held as the process that started them holds them."""

    gateway: Running
    carrier: Running
    folder: Path

    def starts_by_call(self) -> None:
        """From topup's next start on, payments begin by a call to the gateway, as those with QR codes do."""
        running = self.folder / "running.json"
        said = json.loads(running.read_text())
        said["gateway"]["start"] = "call"
        running.write_text(json.dumps(said))

    async def hasten(self) -> None:
        """Send every event that waits now."""
        await self.gateway.control("notifications", {"hasten": True})
        await self.carrier.control("callbacks", {"hasten": True})

    async def a_stranger_pays(self, address: str) -> None:
        """Have the gateway tell topup of a payment that topup never began."""
        settings = SandboxSettings(
            base_url=self.gateway.url,
            merchant_id="demo",
            private_key_file=self.folder / "merchant.key.pem",
            gateway_public_key_file=self.gateway.ready["public_key_file"],
        )
        async with contextlib.aclosing(Client(development=True)) as client:
            stranger = a_payment(notify_url=f"{address}/webhooks/sandbox")
            assert isinstance(await Sandbox(settings, client).sandbox_outcome(stranger, "pay"), Done)

    async def heard_everything(self) -> None:
        """Come back when requests that were on their way have been read."""
        await self.carrier.control("calls", subject="")
        await self.gateway.control("calls", subject="")


@contextlib.contextmanager
def outside_of(data_dir: Path, *, address: str) -> Iterator[Outside]:
    """Start the simulators of a data directory, where whoever starts there finds them."""
    folder = data_dir / "simulators"
    data_dir.mkdir(mode=0o700, exist_ok=True)
    folder.mkdir(mode=0o700)
    ours, public = folder / "merchant.key.pem", folder / "merchant.pub.pem"
    ensure_merchant_keys(private_key_file=ours, public_key_file=public)
    with contextlib.ExitStack() as stack:
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        stack.callback(os.close, lock)
        fcntl.flock(lock, fcntl.LOCK_EX)
        gateway = start_simulator("gateway", folder / "gateway", "--merchant-public-key", str(public), *_PACE)
        stack.callback(gateway.stop)
        carrier = start_simulator("carrier", folder / "carrier", *_PACE)
        stack.callback(carrier.stop)
        running = {"gateway": gateway.ready, "carrier": carrier.ready, "address": address}
        (folder / "running.json").write_text(json.dumps(running))
        yield Outside(gateway, carrier, folder)


@dataclass
class Topup:
    """One installation: started, killed and started again at one address. `database` connects as its owner."""

    data_dir: Path
    database: str
    url: str
    outside: Outside
    settings: dict[str, str] = field(default_factory=dict)
    words: tuple[str, ...] = ("serve", "--demo")
    process: Process | Child | None = None
    is_up: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self, *, crash_at: str | None = None, from_: Nursery | None = None) -> bool:
        """Start, and wait until it serves; False where it died before, which only an armed one may."""
        await self.launch(crash_at=crash_at, from_=from_)
        return await self.serves(may_die=crash_at is not None)

    async def launch(self, *, crash_at: str | None = None, from_: Nursery | None = None) -> None:
        """Start, and wait for nothing."""
        crash = {"TOPUP_CRASH_AT": crash_at} if crash_at else {}
        words = [*self.words, "--port", self.url.rpartition(":")[2]]
        settings = {**self.settings, **crash}
        if from_ is None:
            self.process = await spawn(self.data_dir, settings, *words)
        else:
            self.process = await from_.start(environment(self.data_dir, settings), words, log_of(self.data_dir))

    async def serves(self, *, may_die: bool = False) -> bool:
        """Wait until it serves; False where it died before."""
        async with asyncio.timeout(START_S), httpx.AsyncClient(base_url=self.url, trust_env=False) as client:
            while self.process.returncode is None:
                with contextlib.suppress(httpx.TransportError):
                    if (await client.get("/health/live")).status_code == 200:
                        self.is_up.set()
                        return True
                await asyncio.sleep(0.02)
        assert may_die, f"topup ended with {self.process.returncode}: {self.said()}"
        assert self.process.returncode == -signal.SIGKILL, self.said()
        return False

    async def killed(self, *, within_s: float) -> bool:
        """Wait until it was killed at its label; False where it lives on."""
        try:
            code = await asyncio.wait_for(self.process.wait(), within_s)
        except TimeoutError:
            return False
        self.is_up.clear()
        assert code == -signal.SIGKILL, f"topup ended with {code}: {self.said()}"
        return True

    async def kill(self) -> None:
        """kill -9, now."""
        self.is_up.clear()
        if self.process is not None and self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()

    async def stop(self) -> None:
        """SIGTERM, as an operator stops it."""
        self.is_up.clear()
        await ended(self.process)
        assert self.process.returncode == 0, self.said()

    def said(self) -> str:
        """The end of what it logged."""
        return self.whole_log()[-3000:]

    def whole_log(self) -> str:
        """All that every process of it logged."""
        return log_of(self.data_dir).read_text(errors="replace")

    async def time_passes_while_dead(self) -> None:
        """So much that every lease is over and everything that waits is due."""
        assert self.process is None or self.process.returncode is not None
        await self.outside.heard_everything()
        await self.sql(*_WHILE_DEAD)

    async def lease_ends(self) -> None:
        """What a dead process held may be taken by another."""
        await self.outside.heard_everything()
        await self.sql(*_WHILE_DEAD)

    async def time_passes(self) -> None:
        """Make due what waits, but for calls that may be under way."""
        await self.sql(*_WHILE_ALIVE)

    async def days_pass_for_silent_carriers(self) -> None:
        """What a carrier never finishes comes past its horizon."""
        await self.sql(_GIVE_UP_ON_SILENT_CARRIERS)

    async def expire(self, order_id: str) -> None:
        """The time to pay an order is over."""
        await self._execute(_EXPIRE, order_id)

    async def was_asked_about(self, payment_id: str) -> bool:
        """Whether the gateway was asked about a payment, or need not be any more."""
        return await self._execute(_WAS_ASKED, payment_id)

    async def age_a_key(self) -> None:
        """An idempotency key nobody has used for a week."""
        await self.sql(_AN_OLD_KEY)

    async def leave_a_due_bucket(self) -> None:
        """Something in the ledger whose time has come, of a line that nobody tops up."""
        line = new_id("line", LANE)
        ended = NOW.replace(year=NOW.year - 1)
        async with await psycopg.AsyncConnection.connect(self.database) as connection:
            spec = replace(SPEC, usable_until=ended)
            await post(connection, [credit(line, from_code="issued", bucket=spec)], ended - timedelta(days=1))

    async def value(self, statement: str) -> Any:
        """The first value of what it finds."""
        return await self._execute(statement)

    async def sql(self, *statements: str) -> None:
        for statement in statements:
            await self._execute(statement)

    async def _execute(self, statement: str, *values: str) -> Any:
        """Do it, again where the database goes away meanwhile; the first value of the first row, if it has any."""
        async with asyncio.timeout(START_S):
            while True:
                with contextlib.suppress(psycopg.OperationalError):
                    async with await psycopg.AsyncConnection.connect(self.database, autocommit=True) as connection:
                        cursor = await connection.execute(statement, values or None)
                        row = await cursor.fetchone() if cursor.description else None
                        return row[0] if row else None
                await asyncio.sleep(0.1)


@contextlib.asynccontextmanager
async def topup_at(
    data_dir: Path, database: str, *, words: tuple[str, ...] = ("serve", "--demo"), **settings: str
) -> AsyncIterator[Topup]:
    """An installation on a data directory; nothing runs yet, and nothing is left at the end."""
    # The bound socket keeps the port for the process that comes and goes; it never listens.
    with free_socket() as bound:
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        with outside_of(data_dir, address=url) as outside:
            topup = Topup(data_dir, database, url, outside, settings, words)
            try:
                yield topup
            finally:
                await topup.kill()


def environment(data_dir: Path, settings: dict[str, str]) -> dict[str, str]:
    """Ours without our settings, with these."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("TOPUP_")}
    return {**ours, **NO_LIMITS, "TOPUP_DATA_DIR": str(data_dir), "TOPUP_DEMO_HISTORY": "0", **settings}


def log_of(data_dir: Path) -> Path:
    return data_dir / "topup.log"


async def spawn(data_dir: Path, settings: dict[str, str], *words: str) -> Process:
    """The command `topup` on a data directory, with these settings and none of ours; what it says is in its log."""
    with log_of(data_dir).open("ab") as log:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "topup", *words,
            env=environment(data_dir, settings), stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip


async def ended(process: Process) -> int:
    """End a process with SIGTERM, or with SIGKILL where that does nothing; its exit code."""
    if process.returncode is None:
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), END_S)
        except TimeoutError:
            process.kill()
    return await process.wait()
