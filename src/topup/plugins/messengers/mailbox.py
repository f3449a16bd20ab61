"""The development mailbox: messages become files that only their owner can read, instead of mail.

One file for each message, named by its id, so that sending it again changes nothing. Demonstrations only.
"""

import asyncio
import json
import os
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict

from topup.kernel.outcome import Done, NotSent, Outcome
from topup.notifications.ports import OutgoingMessage
from topup.platform.http import Client
from topup.platform.plugs import Plug

LISTED: Final = 50
"""The newest messages that `latest` reads."""


class MailboxSettings(BaseModel):
    """Where the files go."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    directory: Path


class Mailbox:
    """A messenger that keeps what it is given."""

    name: Final = "mailbox"

    def __init__(self, settings: MailboxSettings, _client: Client | None = None) -> None:
        self._directory = settings.directory

    async def send(self, message: OutgoingMessage) -> Outcome:
        """Done when the file is there; NotSent when it could not be written."""
        try:
            await asyncio.to_thread(self._write, message)
        except OSError as error:
            return NotSent(type(error).__name__)
        return Done(message.message_id)

    async def aclose(self) -> None:
        """Nothing is open."""

    def latest(self) -> list[OutgoingMessage]:
        """The newest messages, newest first, at most LISTED. Ids sort by time, and so do the files."""
        files = sorted(self._directory.glob("msg_*.json"), reverse=True)[:LISTED]
        return [_read(file) for file in files]

    def _write(self, message: OutgoingMessage) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = self._directory / f".{message.message_id}.{os.getpid()}"
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(asdict(message), file, ensure_ascii=False, indent=1, default=datetime.isoformat)
        unfinished.rename(self._directory / f"{message.message_id}.json")


def _read(file: Path) -> OutgoingMessage:
    said = json.loads(file.read_text("utf-8"))
    written_at = said.pop("written_at", None)
    return OutgoingMessage(**said, written_at=datetime.fromisoformat(written_at) if written_at else None)


PLUG = Plug(
    name=Mailbox.name, settings=MailboxSettings, capabilities=frozenset({"mail", "sms"}), make=Mailbox, simulator=True
)
