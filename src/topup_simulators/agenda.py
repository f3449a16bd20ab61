"""What a simulator will do later, kept in its store: a kill between promise and deed loses nothing.

A deed is forgotten only after it was done, so it may be done twice across a crash; each deed allows for that.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from topup_simulators.store import Store

_AT_ONCE: Final = 32
_LONGEST_WAIT_S: Final = 60.0
_AFTER_A_DEFECT_S: Final = 5.0

Deed = Callable[[Mapping[str, Any], int], Awaitable[float | None]]
"""(detail, how many times it was tried before) -> seconds until it is tried again, or None when it is done."""


class Agenda:
    """Does each entry when it is due, up to 32 at once."""

    def __init__(self, store: Store, deeds: Mapping[str, Deed]) -> None:
        self._store = store
        self._deeds = deeds
        self._paused: set[str] = set()
        self._doing: dict[int, asyncio.Task[None]] = {}
        self._changed = asyncio.Event()

    def plan(self, kind: str, detail: Mapping[str, Any], *, after_s: float = 0.0) -> None:
        """Have `kind` done after so many seconds; part of the caller's transaction."""
        self._store.write(
            "INSERT INTO agenda (due, kind, detail) VALUES (?, ?, ?)",
            (time.time() + after_s, kind, json.dumps(detail)),
        )
        self._changed.set()

    def pause(self, kind: str, *, paused: bool) -> None:
        """Leave entries of a kind alone, or take them up again."""
        (self._paused.add if paused else self._paused.discard)(kind)
        self._changed.set()

    def hasten(self, kind: str) -> None:
        """Make every entry of a kind due now."""
        self._store.write("UPDATE agenda SET due = ? WHERE kind = ?", (time.time(), kind))
        self._changed.set()

    def waiting(self) -> list[dict[str, Any]]:
        """Which kinds are on the agenda, how many, and when the first is due."""
        rows = self._store.all("SELECT kind, COUNT(*) AS entries, MIN(due) AS due FROM agenda GROUP BY kind")
        return [dict(row) for row in rows]

    async def run(self) -> None:
        """Work through the agenda until cancelled."""
        try:
            while True:
                self._changed.clear()
                wait_s = self._begin_what_is_due()
                try:
                    async with asyncio.timeout(wait_s):
                        await self._changed.wait()
                except TimeoutError:
                    continue
        finally:
            for task in self._doing.values():
                task.cancel()
            await asyncio.gather(*self._doing.values(), return_exceptions=True)

    def _begin_what_is_due(self) -> float:
        """Start the due entries that are not under way; gives the seconds until it is worth looking again."""
        kinds = [kind for kind in self._deeds if kind not in self._paused]
        room = _AT_ONCE - len(self._doing)
        if room <= 0 or not kinds:
            return _LONGEST_WAIT_S
        rows = self._store.all(
            f"SELECT id, due, kind, tries, detail FROM agenda WHERE kind IN ({_marks(kinds)}) "
            f"AND id NOT IN ({_marks(self._doing)}) ORDER BY due, id LIMIT ?",
            [*kinds, *self._doing, room + 1],
        )
        now = time.time()
        for row in rows:
            if row["due"] > now:
                return min(float(row["due"]) - now, _LONGEST_WAIT_S)
            if len(self._doing) == _AT_ONCE:
                break
            detail = json.loads(row["detail"])
            self._doing[row["id"]] = asyncio.create_task(self._do(row["id"], row["kind"], detail, row["tries"]))
        return _LONGEST_WAIT_S

    async def _do(self, entry: int, kind: str, detail: Mapping[str, Any], tries: int) -> None:
        try:
            again_s = await self._deeds[kind](detail, tries)
        except Exception as error:  # noqa: BLE001 - one entry's defect must not stop the others
            sys.stderr.write(f"{kind} failed: {type(error).__name__}: {error}\n")
            again_s = _AFTER_A_DEFECT_S
        if again_s is None:
            self._store.write("DELETE FROM agenda WHERE id = ?", (entry,))
        else:
            due = time.time() + again_s
            self._store.write("UPDATE agenda SET due = ?, tries = tries + 1 WHERE id = ?", (due, entry))
        del self._doing[entry]
        self._changed.set()


def _marks(values: object) -> str:
    return ",".join("?" * len(values))  # type: ignore[arg-type]  # lists and dicts alike
