"""The short way to handlers that take a request and give bytes: past the framework's routing, injection and response
classes, which cost more than such a handler itself.

A route takes it when it says `opt=LANE`. Whatever does not match a lane exactly (another method, a slash at the end, a
path nobody has) goes the framework's way, which knows what to answer.
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

LANE: Final[Mapping[str, bool]] = {"lane": True}
"""The option of a route whose handler may be called past the framework."""


@dataclass(frozen=True, slots=True)
class Lane:
    """A handler and its route: the template that is counted, and its segments (None for a parameter's)."""

    handler: Handler
    template: str
    segments: tuple[str | None, ...]
    names: tuple[str, ...]

    def parameters(self, parts: list[str]) -> dict[str, str] | None:
        """The parameters of a path in that many parts, or None where it is not this lane's."""
        values = []
        for segment, part in zip(self.segments, parts, strict=True):
            if segment is None and part:
                values.append(part)
            elif segment != part:
                return None
        return dict(zip(self.names, values, strict=True))


class Lanes:
    """All lanes of an application."""

    def __init__(self, lanes: Iterable[tuple[str, Lane]]) -> None:
        self._lanes: defaultdict[tuple[str, int], list[Lane]] = defaultdict(list)
        for method, lane in lanes:
            self._lanes[method, len(lane.segments)].append(lane)

    def find(self, method: str, path: str) -> tuple[Lane, dict[str, str]] | None:
        """The lane of a request and the parameters of its path, if it has one."""
        parts = path.split("/")
        for lane in self._lanes.get((method, len(parts)), ()):
            parameters = lane.parameters(parts)
            if parameters is not None:
                return lane, parameters
        return None


def lanes_of(app: Litestar) -> Lanes:
    """The lanes among the routes of an application."""
    return Lanes(
        (method, _lane(route, handler))
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for method, (handler, _) in route.route_handler_map.items()
        if handler.opt.get("lane")
    )


def _lane(route: HTTPRoute, handler: HTTPRouteHandler) -> Lane:
    components = route.path_components
    return Lane(
        handler=handler.fn,
        template=route.path_format,
        segments=("", *(part if isinstance(part, str) else None for part in components)),
        names=tuple(part.name for part in components if not isinstance(part, str)),
    )
