"""The page behind the link in each mail: one press stops its kind, without signing in.

Looking at the page stops nothing: programs that look mail through follow every link. The form is what mailboxes send by
themselves when somebody presses their own button (RFC 8058); whatever it says, the link says what is to be stopped.
"""

from topup.care.reminders.reading import Messages
from topup.care.reminders.stopping import Stop
from topup.channels.web.rendering import Page, WebRequest, page
from topup.platform.web import limit


class StopPages:
    """Asks, and stops."""

    def __init__(self, messages: Messages) -> None:
        self._messages = messages

    async def ask(self, request: WebRequest, token: str) -> Page:
        """Whether to stop what the link says. Raises NotFound `stop_unknown`."""
        limit(request, "read")
        return _page(request, self._messages.asked_to_stop(token), done=False)

    async def stop(self, request: WebRequest, token: str) -> Page:
        """Stop it. Raises NotFound `stop_unknown`."""
        limit(request, "read")
        return _page(request, await self._messages.stop(token), done=True)


def _page(request: WebRequest, wanted: Stop, *, done: bool) -> Page:
    return page(request, "reminding/stop.html", subjects=wanted.subjects, done=done)
