"""Asking for papers. Asking is a short transaction; printing goes on behind it, so that no sale waits for a printer."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import structlog

from topup.kernel.errors import NotFound, Problem
from topup.kernel.outcome import Outcome, Reason, Refused
from topup.platform.database import Database, Transaction
from topup.platform.i18n import translate
from topup.platform.jobs import Sweep
from topup.platform.keys import KeyRing
from topup.shops.printing import jobs
from topup.shops.printing.jobs import Job
from topup.shops.printing.paper import Line, Paper, Rule
from topup.shops.printing.ports import Printers, Standing, Trouble
from topup.shops.printing.states import PrintState
from topup.work import trail

_DOMAIN: Final = "printing"
_SWEEP_EVERY_S: Final = 1.0
_FORGET_EVERY_S: Final = 3_600.0
_FORGOTTEN: Final = 1_000
_LOOK_S: Final = 0.1

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Wish:
    """A paper that somebody at a till wants: of what (`subject`, an id), of which kind, under the caller's own key."""

    till: str
    kind: str
    subject: str
    paper: Paper
    by: str
    key: str


class Printing:
    """The printers of this installation, by the till each belongs to."""

    def __init__(self, *, database: Database, keys: KeyRing, printers: Mapping[str, Printers]) -> None:
        self._database = database
        self._keys = keys
        self._printers = printers
        self._under_way: set[asyncio.Task[int]] = set()

    @property
    def tills(self) -> Sequence[str]:
        """The tills that have a printer."""
        return sorted(self._printers)

    async def ask(self, wish: Wish) -> Job:
        """Print the first paper of a subject, in the trail; asked for again it is the same job, and printed once. One
        that failed is tried anew. Raises NotFound printer_unknown.
        """
        self._printer(wish.till)
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            await jobs.lock_subject(connection, wish.kind, wish.subject)
            found = await jobs.by_key(connection, wish.key) or await jobs.latest(connection, wish.kind, wish.subject)
            if found is None:
                found = await jobs.add(
                    connection, key=wish.key, till=wish.till, kind=wish.kind, subject=wish.subject, copy=0,
                    paper=wish.paper, by=wish.by, now=now, keys=self._keys,
                )  # fmt: skip
                await _note(transaction, "printing.asked", wish, trail.change(None, {"copy": 0}))
            elif found.state is PrintState.FAILED:
                paper = marked(wish.paper, found.copy)
                found = await jobs.once_more(
                    connection, found, till=wish.till, paper=paper, by=wish.by, now=now, keys=self._keys
                )
                said = trail.change({"state": PrintState.FAILED.value}, {"state": found.state.value})
                await _note(transaction, "printing.asked", wish, said)
        self._begin(found.till)
        return found

    async def reprint(self, wish: Wish, *, why: str = "") -> Job:
        """Print it once more: a copy that says so, in the trail with `why`. Where nothing has left yet it is the first
        paper that is asked for again. Raises NotFound printer_unknown.
        """
        self._printer(wish.till)
        async with self._database.transaction() as transaction:
            connection, now = transaction.connection, transaction.now
            await jobs.lock_subject(connection, wish.kind, wish.subject)
            found = await jobs.by_key(connection, wish.key)
            last = await jobs.latest(connection, wish.kind, wish.subject)
            if found is None and last is not None and last.state in {PrintState.PRINTED, PrintState.UNSURE}:
                copy = last.copy + 1
                found = await jobs.add(
                    connection, key=wish.key, till=wish.till, kind=wish.kind, subject=wish.subject, copy=copy,
                    paper=marked(wish.paper, copy), by=wish.by, now=now, keys=self._keys,
                )  # fmt: skip
                said = {"copy": copy, "why": why, **trail.change({"copy": last.copy}, {"copy": copy})}
                await _note(transaction, "printing.reprinted", wish, said)
        if found is None:
            return await self.ask(wish)
        self._begin(found.till)
        return found

    async def job(self, job_id: str) -> Job:
        """What became of it. Raises NotFound print_job_unknown."""
        async with self._database.read() as transaction:
            return await jobs.job(transaction.connection, job_id)

    async def of(self, subject: str) -> list[Job]:
        """All papers of a subject."""
        async with self._database.read() as transaction:
            return await jobs.jobs_of(transaction.connection, subject)

    async def settled(self, job_id: str, *, timeout_s: float) -> Job:
        """The job as soon as it neither waits for the first time nor prints, or as it is after that time. For whoever
        stands at the printer; no sale waits here. Raises NotFound print_job_unknown.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout_s
        while True:
            found = await self.job(job_id)
            going = found.state is PrintState.PRINTING or (found.state is PrintState.WAITING and not found.reason)
            if not going or loop.time() >= until:
                return found
            await asyncio.sleep(_LOOK_S)

    async def standing(self, till: str) -> Standing:
        """How the till's printer stands. Raises NotFound printer_unknown."""
        return await self._printer(till).standing(till)

    async def open_drawer(self, till: str) -> None:
        """Open the drawer at the till's printer, without paper; whether it did, only eyes can tell. Raises NotFound
        printer_unknown.
        """
        await self._printer(till).print(till, Paper(title="", locale="zh_Hans", blocks=(), drawer=True))

    def sweeps(self) -> list[Sweep]:
        """What runs by itself: papers that wait, those whose process is gone, and old rows."""
        return [
            Sweep("shops.printing", _SWEEP_EVERY_S, self.run),
            Sweep("shops.printing.forget", _FORGET_EVERY_S, self._forget, batch=_FORGOTTEN),
        ]

    async def run(self) -> int:
        """Send what is due, the printers side by side; how many papers were tried."""
        async with self._database.transaction() as transaction:
            lost = await jobs.let_go(transaction.connection, transaction.now)
            due = await jobs.tills_with_work(transaction.connection, self._printers.keys(), transaction.now)
        return lost + sum(await asyncio.gather(*(self._run_till(till) for till in due)))

    async def aclose(self) -> None:
        """Let what is with a printer come to its end; each is bounded in time."""
        await asyncio.gather(*self._under_way, return_exceptions=True)

    def _begin(self, till: str) -> None:
        task = asyncio.create_task(self._run_quietly(till), name=f"printing-{till}")
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _run_quietly(self, till: str) -> int:
        try:
            return await self._run_till(till)
        except Problem as problem:
            # The sweep finds what is left.
            _log.warning("printing_waits", till=till, error=problem.code)
            return 0

    async def _run_till(self, till: str) -> int:
        tried = 0
        while True:
            async with self._database.transaction() as transaction:
                claimed = await jobs.claim(transaction.connection, till, transaction.now, keys=self._keys)
            if claimed is None:
                return tried
            outcome = await self._sent(till, claimed.paper)
            async with self._database.transaction() as transaction:
                await jobs.answered(transaction.connection, claimed.job, outcome, transaction.now)
            tried += 1

    async def _sent(self, till: str, paper: Paper | None) -> Outcome:
        if paper is None:
            return Refused(Reason.CONFIGURATION, Trouble.UNPRINTABLE.value)
        return await self._printer(till).print(till, paper)

    async def _forget(self) -> int:
        async with self._database.transaction() as transaction:
            return await jobs.forget(transaction.connection, _FORGOTTEN, transaction.now)

    def _printer(self, till: str) -> Printers:
        found = self._printers.get(till)
        if found is None:
            raise NotFound("printer_unknown", till=till)
        return found


async def _note(transaction: Transaction, action: str, wish: Wish, said: Mapping[str, object]) -> None:
    facts = {"till": wish.till, "kind": wish.kind, **said}
    connection, now = transaction.connection, transaction.now
    await trail.write(connection, actor=wish.by, action=action, subject=wish.subject, facts=facts, now=now)


def marked(paper: Paper, copy: int) -> Paper:
    """The paper as a copy: it says so first and last, and opens no drawer. The first one stays as it is."""
    if not copy:
        return paper
    text = translate(paper.locale, _DOMAIN, "reprint", copy=copy)
    mark = Line(text=text, align="centre", size=2, strong=True)
    return msgspec.structs.replace(paper, blocks=(mark, Rule(), *paper.blocks, Rule(), mark), drawer=False)
