"""What somebody was told of their lines, newest first, and which of it is new."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog

from topup.care.reminders.reading import Messages
from topup.channels.web.rendering import Page, WebRequest, page, reader_of
from topup.notifications.notices import Shown
from topup.notifications.templates import Words, render, say, to_json
from topup.people.subscribers.alerts import SAFETY
from topup.people.subscribers.devices import Subscriber
from topup.platform.i18n import MissingText
from topup.platform.web.forms import Form

_log = structlog.get_logger(__name__)

MESSAGES: Final = "/account/messages"
_WORTH_A_TOP_UP: Final = frozenset(
    {"low", "used_up", "expiring", "line_changes", "line_blocked", "plan_unpaid", "plan_blocked"}
)


_USE_IT: Final = to_json({"to_do": Words("messages", "expiring.use")})["to_do"]
"""Of what ends whatever is topped up."""
_WITH_A_WARNING: Final = frozenset({"line_changes", "line_ends"})
"""Which end with whom not to trust; every page says that."""


@dataclass(frozen=True, slots=True)
class Message:
    """A notice as it is shown: in paragraphs of lines, when it was written, and whether it is new."""

    id: str
    subject: str
    short: str
    paragraphs: tuple[tuple[str, ...], ...]
    at: str
    new: bool
    helps: bool
    """Whether a top-up is what to do about it."""
    safety: bool
    """Whether it is about the account itself: what to do about it is under Devices."""


class MessagePages:
    """The messages of whoever is here."""

    def __init__(self, messages: Messages) -> None:
        self._messages = messages

    async def listed(self, request: WebRequest, who: Subscriber, form: Form) -> Page:  # noqa: ARG002 - a page like the others
        """A page of them. What is shown has been seen: the next time it is not new."""
        before = request.query_params.get("before", "")
        found = await self._messages.read(reader=who.id, before=before)
        # Times in the zone of the line, where its owner has chosen none.
        told = [_message(request, one, who.zone or one.zone, found.now) for one in found.notices]
        messages = [one for one in told if one is not None]
        return page(request, "reminding/messages.html", messages=messages, older=found.older, first=not before)


def _message(request: WebRequest, one: Shown, zone: str, now: datetime) -> Message | None:
    """The notice in the reader's words; None for one that has no words any more, which must not hide the others."""
    wording = reader_of(request).wording
    try:
        short = say(f"{one.template}.text", one.parameters, wording.locale)
        _, body = render(one.template, one.parameters, wording.locale)
    except MissingText:
        _log.error("notice_unsayable", notice=one.id, template=one.template)
        return None
    safety = one.kind == SAFETY
    # Without the greeting, where there is one: somebody is here already.
    paragraphs = [tuple(part.splitlines()) for part in body.strip().split("\n\n")[0 if safety else 1 :]]
    return Message(
        id=one.id,
        subject=one.kind,
        short=short,
        paragraphs=tuple(paragraphs[: 1 if one.template in _WITH_A_WARNING else None]),
        at=wording.clock(one.written_at, zone, today=now),
        new=one.read_at is None,
        helps=one.template in _WORTH_A_TOP_UP and one.parameters.get("to_do") != _USE_IT,
        safety=safety,
    )
