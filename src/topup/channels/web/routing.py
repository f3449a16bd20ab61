"""How a sub-package names its pages: method, path, and what shows it."""

from collections.abc import Awaitable, Callable
from typing import Literal

from topup.channels.web.rendering import Page

Show = Callable[..., Awaitable[Page]]
"""Shows a page: takes the request, and the parts of its address by name."""
Route = tuple[Literal["GET", "POST"], str, Show]
