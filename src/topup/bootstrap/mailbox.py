"""`/sandbox/mailbox`: the messages of a demonstration, which are mailed to nobody."""

import asyncio
from dataclasses import dataclass
from typing import Final

from litestar import Router, get

from topup.channels.web.rendering import Page, WebRequest, page
from topup.notifications.ports import OutgoingMessage
from topup.platform.web import limit
from topup.plugins.messengers.mailbox import Mailbox

MAILBOX: Final = "/sandbox/mailbox"


@dataclass(frozen=True, slots=True)
class Letter:
    """A message as it is shown: paragraphs of lines. `lang` is its own language, not the reader's."""

    address: str
    subject: str
    paragraphs: tuple[tuple[str, ...], ...]
    lang: str


def mailbox_router(mailbox: Mailbox) -> Router:
    """The page; only a demonstration has it, and only this machine can ask for it."""

    @get(MAILBOX, include_in_schema=False)
    async def letters(request: WebRequest) -> Page:
        limit(request, "read")
        messages = await asyncio.to_thread(mailbox.latest)
        return page(request, "mailbox.html", letters=[letter_of(message) for message in messages])

    return Router("/", route_handlers=[letters])


def letter_of(message: OutgoingMessage) -> Letter:
    """The message in paragraphs."""
    paragraphs = tuple(tuple(part.splitlines()) for part in message.body.strip().split("\n\n"))
    return Letter(message.address.removeprefix("tel:"), message.subject, paragraphs, message.locale.replace("_", "-"))
