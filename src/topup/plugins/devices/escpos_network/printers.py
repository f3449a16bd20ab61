"""Printing over TCP: ask how the printer stands, send the paper, and wait for its word that all of it is out.

Until the paper's first byte nothing has left. From then on only the printer's own word counts: a line that breaks, a
silence or an answer that is none leaves it open whether somebody holds a receipt.
"""

import asyncio
from collections.abc import Collection
from contextlib import suppress
from typing import Any, Final

from topup.kernel.outcome import Done, NotSent, Outcome, Reason, Refused, Unknown
from topup.plugins.devices.escpos_network import status, wire
from topup.plugins.devices.escpos_network.settings import EscposSettings, TillPrinter
from topup.shops.printing.paper import Paper
from topup.shops.printing.ports import Standing, Trouble

_FAILURES: Final = (OSError, TimeoutError, EOFError)


class EscposNetwork:
    """The printers of the settings."""

    name: Final = "escpos_network"

    def __init__(self, settings: EscposSettings, _client: Any = None) -> None:
        self._settings = settings
        # Such a printer serves one connection; a second waits at it unheard.
        self._turns = {till: asyncio.Lock() for till in settings.tills}

    @property
    def tills(self) -> Collection[str]:
        """The tills that have one."""
        return self._settings.tills.keys()

    async def print(self, till: str, paper: Paper) -> Outcome:
        """Print it, once; see the port."""
        printer = self._settings.tills[till]
        try:
            data = wire.bytes_of(
                paper, paper_mm=printer.paper_mm, encoding=printer.encoding, native=printer.code == "native"
            )
        except wire.Unprintable:
            return Refused(Reason.CONFIGURATION, Trouble.UNPRINTABLE.value)
        async with self._turns[till]:
            line = await self._connected(printer)
            if line is None:
                return NotSent(Trouble.UNREACHABLE.value)
            try:
                return await self._printed(line, printer, data, on_paper=bool(paper.blocks))
            finally:
                await line.close()

    async def standing(self, till: str) -> Standing:
        """How it stands; see the port."""
        printer = self._settings.tills[till]
        async with self._turns[till]:
            line = await self._connected(printer)
            if line is None:
                return Standing(Trouble.UNREACHABLE)
            try:
                return await line.standing() if printer.answers else Standing()
            finally:
                await line.close()

    async def aclose(self) -> None:
        """Nothing is open between papers."""

    async def _connected(self, printer: TillPrinter) -> "_Line | None":
        try:
            async with asyncio.timeout(self._settings.connect_s):
                reader, writer = await asyncio.open_connection(printer.host, printer.port)
        except _FAILURES:
            return None
        return _Line(reader, writer, self._settings.connect_s)

    async def _printed(self, line: "_Line", printer: TillPrinter, data: bytes, *, on_paper: bool) -> Outcome:
        if printer.answers:
            trouble = (await line.standing()).trouble
            if trouble is not None and (on_paper or trouble is not Trouble.PAPER_OUT):
                return NotSent(trouble.value)
        try:
            async with asyncio.timeout(self._settings.print_s):
                await line.send(data + (wire.TELL_WHEN_DONE if printer.answers and on_paper else b""))
                if not printer.answers or not on_paper:
                    return Done("")
                return Done("") if status.has_printed(await line.answer()) else Unknown(Trouble.PAPER_OUT.value)
        except status.Garbled:
            return Unknown(Trouble.GARBLED.value)
        except _FAILURES:
            # Why it stopped in the middle, if it still says so.
            return Unknown(((await line.standing()).trouble or Trouble.SILENT).value)


class _Line:
    """A connection to a printer."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer_s: float) -> None:
        self._reader = reader
        self._writer = writer
        self._answer_s = answer_s

    async def standing(self) -> Standing:
        """Ask how it stands; of one that does not say so, that is the trouble."""
        try:
            async with asyncio.timeout(self._answer_s):
                answers = [await self._ask(question) for question in status.QUESTIONS]
            return status.read(answers)
        except status.Garbled:
            return Standing(Trouble.GARBLED)
        except _FAILURES:
            return Standing(Trouble.SILENT)

    async def send(self, data: bytes) -> None:
        """Hand over everything. Raises OSError."""
        self._writer.write(data)
        await self._writer.drain()

    async def answer(self) -> int:
        """The next byte it says. Raises EOFError where it hung up."""
        return (await self._reader.readexactly(1))[0]

    async def close(self) -> None:
        """Let go of it; what was sent is still delivered."""
        self._writer.close()
        with suppress(*_FAILURES):
            async with asyncio.timeout(self._answer_s):
                await self._writer.wait_closed()

    async def _ask(self, question: int) -> int:
        await self.send(status.ASK + bytes([question]))
        return await self.answer()
