"""The short way to handlers that take a request and give bytes: past the framework's routing, injection and response
classes, which cost more than such a handler itself.

A route takes it when it says `opt=SHORTCUT`. Whatever does not match a shortcut exactly (another method, a slash at the
end, a path nobody has) goes the framework's way, which knows what to answer.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from topup.platform.web.answers import Answer

Handler = Callable[..., Awaitable[Answer]]
"""Takes the request, and the parameters of the path by name, all texts."""

SHORTCUT: Final[Mapping[str, bool]] = {"shortcut": True}
"""The option of a route whose handler may be called past the framework."""


@dataclass(frozen=True, slots=True)
class Shortcut:
    """A handler and its route: the template that is counted, and its segments (None for a parameter's)."""

    handler: Handler
    template: str
    segments: tuple[str | None, ...]
    names: tuple[str, ...]

    def parameters(self, parts: list[str]) -> dict[str, str] | None:
        """The parameters of a path in that many parts, or None where it is not this shortcut's."""
        values = []
        for segment, part in zip(self.segments, parts, strict=True):
            if segment is None and part:
                values.append(part)
            elif segment != part:
                return None
        return dict(zip(self.names, values, strict=True))


class Shortcuts:
    """All shortcuts of an application."""

    def __init__(self, shortcuts: Iterable[tuple[str, Shortcut]]) -> None:
        self._shortcuts: defaultdict[tuple[str, int], list[Shortcut]] = defaultdict(list)
        for method, shortcut in shortcuts:
            self._shortcuts[method, len(shortcut.segments)].append(shortcut)

    def find(self, method: str, path: str) -> tuple[Shortcut, dict[str, str]] | None:
        """The shortcut of a request and the parameters of its path, if it has one."""
        parts = path.split("/")
        for shortcut in self._shortcuts.get((method, len(parts)), ()):
            parameters = shortcut.parameters(parts)
            if parameters is not None:
                return shortcut, parameters
        return None


def shortcuts_of(app: Litestar) -> Shortcuts:
    """The shortcuts among the routes of an application."""
    return Shortcuts(
        (method, _shortcut(route, handler))
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for method, (handler, _) in route.route_handler_map.items()
        if handler.opt.get("shortcut")
    )


def _shortcut(route: HTTPRoute, handler: HTTPRouteHandler) -> Shortcut:
    components = route.path_components
    return Shortcut(
        handler=handler.fn,
        template=route.path_format,
        segments=("", *(part if isinstance(part, str) else None for part in components)),
        names=tuple(part.name for part in components if not isinstance(part, str)),
    )
