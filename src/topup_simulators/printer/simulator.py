"""The printer's process: a socket that papers come in by, a page that shows them, and the controls of tests."""

import asyncio
import contextlib
import json
import socket
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from topup_simulators.agenda import Agenda
from topup_simulators.printer.decoding import Asked, Cut, Decoder, Event
from topup_simulators.printer.picture import svg
from topup_simulators.store import Store
from topup_simulators.web import Answer, Misbehaviour, Request

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS papers (id INTEGER PRIMARY KEY, rows TEXT NOT NULL, drawer INTEGER NOT NULL,
    faults TEXT NOT NULL);
"""
_COLUMNS: Final = {80: 48, 58: 32}
_SHOWN: Final = 20
_SLOW_S: Final = 0.5
_HTML: Final = "text/html; charset=utf-8"
_CHUNK: Final = 65_536
_STATUS: Final = 0x12
"""Bits 1 and 4 of every answer to DLE EOT; no others while all is well."""


class Mood(StrEnum):
    """How the printer behaves."""

    READY = "ready"
    PAPER_LOW = "paper_low"
    PAPER_OUT = "paper_out"
    COVER_OPEN = "cover_open"
    CUTTER = "cutter"
    BROKEN = "broken"
    BUSY = "busy"
    PAPER_ENDS = "paper_ends"
    """The paper ends in the middle of what it is sent next."""
    HANG_UP = "hang_up"
    """It takes what it is sent, and hangs up without a word."""
    SILENT = "silent"
    """It takes connections and says nothing."""
    GARBLED = "garbled"
    SLOW = "slow"
    MUTE_WHEN_DONE = "mute_when_done"
    """It says how it stands, prints, and does not say that it has."""


_ANSWERS: Final[dict[Mood, dict[int, int]]] = {
    Mood.PAPER_LOW: {4: 0x0C},
    Mood.PAPER_OUT: {1: 0x08, 2: 0x20, 4: 0x6C},
    Mood.COVER_OPEN: {1: 0x08, 2: 0x04},
    Mood.CUTTER: {1: 0x08, 2: 0x40, 3: 0x08},
    Mood.BROKEN: {1: 0x08, 2: 0x40, 3: 0x20},
    Mood.BUSY: {1: 0x08, 2: 0x08},
}
_PRINTING: Final = frozenset({Mood.READY, Mood.PAPER_LOW, Mood.SLOW, Mood.HANG_UP, Mood.MUTE_WHEN_DONE, Mood.GARBLED})


class _Intake(Agenda):
    """What runs beside the page: the socket of papers. It is bound before, so that its port can be announced."""

    def __init__(self, store: Store, listening: socket.socket) -> None:
        super().__init__(store, {})
        self.listening = listening
        self.mood = Mood.READY
        self._papers = store

    async def run(self) -> None:
        """Take papers until cancelled."""
        async with await asyncio.start_server(self._connected, sock=self.listening):
            await super().run()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        decoder = Decoder()
        with contextlib.suppress(OSError):
            while data := await reader.read(_CHUNK):
                for event in decoder.feed(data):
                    await self._on(event, writer)
                if self.mood is Mood.PAPER_ENDS and decoder.paper.rows:
                    self.mood = Mood.PAPER_OUT
                if self.mood is Mood.HANG_UP and decoder.paper.rows:
                    break
        if decoder.paper.rows or decoder.paper.drawer:
            self._keep(decoder)
        writer.close()

    def _keep(self, decoder: Decoder) -> None:
        """What came without a cut, or without paper."""
        paper = decoder.paper
        rows = paper.rows if self.mood in _PRINTING else paper.rows[:1]
        self._write(rows, drawer=paper.drawer, faults=[*paper.faults, "not cut"] if rows else paper.faults)

    async def _on(self, event: Event, writer: asyncio.StreamWriter) -> None:
        if isinstance(event, Cut):
            await self._cut(event, writer)
        elif self.mood is not Mood.SILENT:
            await self._answer(event, writer)

    async def _cut(self, event: Cut, writer: asyncio.StreamWriter) -> None:
        paper = event.paper
        if self.mood is Mood.PAPER_ENDS:
            self.mood = Mood.PAPER_OUT
            self._write(paper.rows[: len(paper.rows) // 2], drawer=paper.drawer, faults=["not cut"])
        elif self.mood is Mood.HANG_UP:
            self._write(paper.rows, drawer=paper.drawer, faults=paper.faults)
            writer.close()
        elif self.mood in _PRINTING:
            self._write(paper.rows, drawer=paper.drawer, faults=paper.faults)

    async def _answer(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        if self.mood is Mood.SLOW:
            await asyncio.sleep(_SLOW_S)
        if asked.in_turn:
            if self.mood in _PRINTING - {Mood.MUTE_WHEN_DONE}:
                writer.write(bytes([0xFF if self.mood is Mood.GARBLED else 0x03 * (self.mood is Mood.PAPER_LOW)]))
        elif self.mood is Mood.GARBLED:
            writer.write(b"\xff")
        else:
            writer.write(bytes([_STATUS | _ANSWERS.get(self.mood, {}).get(asked.n, 0)]))
        await writer.drain()

    def _write(self, rows: list[dict[str, Any]], *, drawer: bool, faults: list[str]) -> None:
        self._papers.write(
            "INSERT INTO papers (rows, drawer, faults) VALUES (?, ?, ?)",
            (json.dumps(rows), int(drawer), json.dumps(faults)),
        )


class Printer:
    """A printer of 80 or 58 mm."""

    kind = "printer"

    def __init__(self, *, state_directory: Path, paper_mm: int, printer_port: int) -> None:
        state_directory.mkdir(parents=True, exist_ok=True)
        self.store = Store(state_directory / "printer.sqlite", _SCHEMA)
        self._listening = socket.create_server(("127.0.0.1", printer_port))
        self._intake = _Intake(self.store, self._listening)
        self.agenda: Agenda = self._intake
        self._columns = _COLUMNS[paper_mm]
        self._paper_mm = paper_mm

    def announce(self, _url: str) -> Mapping[str, Any]:
        """Where papers go, as the plugin's settings of one till have it."""
        port = self._listening.getsockname()[1]
        return {"printer": {"host": "127.0.0.1", "port": port, "paper_mm": self._paper_mm}}

    async def handle(self, request: Request) -> Answer | Misbehaviour:
        """The page of papers, one as a picture, and the controls."""
        asked = (request.method, request.path)
        if asked == ("GET", "/"):
            return self._page()
        if request.method == "GET" and request.path.startswith("/papers/") and request.path.endswith(".svg"):
            return self._picture(request.path.removeprefix("/papers/").removesuffix(".svg"))
        if asked == ("GET", "/control/papers"):
            rows = self.store.all("SELECT id, rows, drawer, faults FROM papers ORDER BY id")
            return Answer(200, json.dumps([_said(row) for row in rows]).encode())
        if asked == ("DELETE", "/control/papers"):
            self.store.write("DELETE FROM papers")
            return Answer(200, b"{}")
        if asked == ("POST", "/control/mood"):
            with contextlib.suppress(ValueError, KeyError, TypeError):
                self._intake.mood = Mood(json.loads(request.body)["mood"])
                return Answer(200, b"{}")
            return Answer(400, b'{"code":"BAD_REQUEST"}')
        return Answer(404, b'{"code":"NOT_FOUND"}')

    def _page(self) -> Answer:
        rows = self.store.all(f"SELECT id FROM papers ORDER BY id DESC LIMIT {_SHOWN}")
        papers = "".join(
            f'<p><img src="/papers/{row["id"]}.svg" alt="paper {row["id"]}" width="312"></p>' for row in rows
        )
        head = '<!doctype html><meta charset="utf-8"><title>Printer</title><body style="background:#ccc">'
        return Answer(200, f"{head}{papers or '<p>No paper yet.</p>'}".encode(), _HTML)

    def _picture(self, number: str) -> Answer:
        row = self.store.one("SELECT rows FROM papers WHERE id = ?", (number,))
        if row is None:
            return Answer(404, b'{"code":"NOT_FOUND"}')
        return Answer(200, svg(json.loads(row["rows"]), columns=self._columns).encode(), "image/svg+xml")


def _said(row: Any) -> dict[str, Any]:
    return {
        "id": row["id"],
        "rows": json.loads(row["rows"]),
        "drawer": bool(row["drawer"]),
        "faults": json.loads(row["faults"]),
    }
