"""Idempotency keys of callers: the same key and the same request give the same answer, whatever happened in between.

A key is claimed in a commit of its own before the work begins, together with the id of what the work will create
(work that is one transaction claims, works and answers in that one: `platform.once`). The work stores its answer in its
own transaction (`store_answers`), so there is no moment in which the thing exists and its answer does not. A claim
whose work died may be claimed again after `LEASE_S`, with the same resource id, so that repeating the work finds what
was made instead of making another. Keys live for `KEEP_DAYS`.

The rules follow draft-ietf-httpapi-idempotency-key-header.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Generic, TypeVar, cast

from topup.kernel.errors import Invalid, Problem, Unavailable
from topup.kernel.ids import lane_for
from topup.platform.batching import Batcher
from topup.platform.database import Connection, Database
from topup.platform.key_rows import (
    KEEP_DAYS,
    LEASE_S,
    Claim,
    KeyedRequest,
    LetGo,
    Stored,
    Unheard,
    claim,
    disown,
    forget_old,
    give_up,
    store_answers,
    wish_of,
)

__all__ = [
    "KEEP_DAYS",
    "LEASE_S",
    "LONGEST_KEY",
    "Answering",
    "Claim",
    "KeyedRequest",
    "RequestKeys",
    "Stored",
    "check_key",
    "forget_old",
    "store_answers",
]

LONGEST_KEY: Final = 255

_MOST_OWED: Final = 10_000

View = TypeVar("View")


@dataclass(frozen=True, slots=True)
class Answering(Generic[View]):
    """What the work hands to `store_answers`: the claim, and how its result is said."""

    claim: Claim
    render: Callable[[View], tuple[int, bytes]]


_Item = KeyedRequest | LetGo | Unheard


def check_key(text: str | None) -> str:
    """The key as it was sent.

    Raises Invalid: `key_missing`, or `key_unreadable` unless it is 1 to 255 printable ASCII characters.
    """
    if not text:
        raise Invalid("key_missing")
    if len(text) > LONGEST_KEY or not text.isascii() or not text.isprintable():
        raise Invalid("key_unreadable", longest=LONGEST_KEY)
    return text


class RequestKeys:
    """The keys of one process. Claims that arrive together share one commit."""

    def __init__(self, *, database: Database, lanes: int) -> None:
        self._lanes = lanes
        self._batcher: Batcher[_Item, Claim | Stored | None] = Batcher(
            database=database, name="request_keys", operation=self._flush
        )
        self._owed: deque[tuple[float, LetGo | Unheard]] = deque(maxlen=_MOST_OWED)
        """What could not be given up while the database was away, and since when (monotonic seconds)."""

    async def claim(self, *, request: KeyedRequest) -> Claim | Stored:
        """The claim to work under, or the stored answer.

        Raises Conflict `request_running` while another request with this key is at work, Invalid `key_reused` when
        the key was used for another request, and what the batcher raises when the database is away.
        """
        await self._give_up_what_is_owed()
        try:
            return cast("Claim | Stored", await self._batcher.submit(request))
        except Unavailable as error:
            if error.code == "database_lost":
                self.unheard(request=request)
            raise

    def unheard(self, *, request: KeyedRequest) -> None:
        """The key may have been claimed, by `claim` or with the beginning of the work (`platform.once`), in a commit
        that nobody heard of, so nobody works: it is freed once the database is back.
        """
        row = (lane_for(request.key, self._lanes), request.principal, request.route, request.key)
        self._owed.append((time.monotonic(), Unheard(row, request.resource)))

    async def release(self, claim: Claim) -> None:
        """Forget the key: the work was refused and created nothing, so the key does not bind."""
        await self._batcher.submit(LetGo(claim, forget=True))

    async def run(self, *, request: KeyedRequest, work: Callable[[Claim], Awaitable[View]]) -> View | Stored:
        """Do `work` under a claim, or give the stored answer.

        What the work raises is raised again, after the key was released (a refusal) or let go (anything else).
        Raises what `claim` raises.
        """
        claimed = await self.claim(request=request)
        return claimed if isinstance(claimed, Stored) else await self.finish(claim=claimed, work=work)

    async def finish(self, *, claim: Claim, work: Callable[[Claim], Awaitable[View]]) -> View:
        """Do `work` under a claim that was made before. What it raises is treated and raised as by `run`."""
        try:
            return await work(claim)
        except Exception as error:
            refused = isinstance(error, Problem) and not isinstance(error, Unavailable)
            # The caller must hear why the work failed. Where the database is away too, the claim is given up when it
            # is back, by this process or by the lease.
            debt = LetGo(claim, forget=refused)
            try:
                await self._batcher.submit(debt)
            except Unavailable:
                self._owed.append((time.monotonic(), debt))
            raise

    async def aclose(self) -> None:
        """Finish what is under way, take nothing more."""
        await self._batcher.aclose()

    async def _give_up_what_is_owed(self) -> None:
        """Once the database is back. What is older is left to its lease: it may be at work again, for somebody else."""
        if not self._owed:
            return
        oldest = time.monotonic() - LEASE_S / 2
        owed = [debt for debt in self._owed if debt[0] > oldest]
        self._owed.clear()
        done = await asyncio.gather(*(self._batcher.submit(item) for _, item in owed), return_exceptions=True)
        self._owed.extend(debt for debt, answer in zip(owed, done, strict=True) if isinstance(answer, Unavailable))

    async def _flush(
        self, connection: Connection, items: Sequence[_Item], now: datetime
    ) -> list[Claim | Stored | Problem | None]:
        """Keys that are given up first, then the claims; the answers in the order of `items`."""
        unheard = [item for item in items if isinstance(item, Unheard)]
        if unheard:
            await disown(connection, unheard)
        given_up = [item for item in items if isinstance(item, LetGo)]
        if given_up:
            await give_up(connection, given_up)
        wishes = [self._wish(item, now) for item in items if isinstance(item, KeyedRequest)]
        answers = iter(await claim(connection, wishes, now) if wishes else [])
        return [next(answers) if isinstance(item, KeyedRequest) else None for item in items]

    def _wish(self, request: KeyedRequest, now: datetime) -> Claim:
        return wish_of(request, now, lanes=self._lanes)
