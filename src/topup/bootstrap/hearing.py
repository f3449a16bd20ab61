"""What a command hears while it runs without a server: the events of the simulators, and whoever asks for a page.

To build the whole application takes as long as all else that such a command does, and most end before anybody asks for
anything of it but the events.
"""

from typing import Final

from topup.bootstrap.house import Furnished
from topup.channels.api.hooks import create_hooks_router
from topup.platform.web import application, load_web_settings
from topup.platform.web.answers import Receive, Scope, Send
from topup.platform.web.edge import App

_EVENTS: Final = "/webhooks/"


class Hearing:
    """An ASGI application that takes in events at once, and is the whole house's from the first other request on."""

    def __init__(self, house: Furnished) -> None:
        self._house = house
        self._events = application(
            routers=[create_hooks_router(desk=house.desk)],
            settings=house.store.settings,
            web_settings=load_web_settings(),
        )
        self._whole: App | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request (or the lifespan)."""
        if scope["type"] == "http" and not scope["path"].startswith(_EVENTS):
            await self._all()(scope, receive, send)
        else:
            await self._events(scope, receive, send)

    def _all(self) -> App:
        if self._whole is None:
            from topup.bootstrap.application import build  # noqa: PLC0415 - slow to load, and seldom needed

            self._whole = build(self._house, self._house.store.settings, None)
        return self._whole
