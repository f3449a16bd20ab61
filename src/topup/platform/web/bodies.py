"""Bodies, bounded in size and in time."""

import asyncio
from typing import Final, cast

from topup.kernel.errors import Invalid
from topup.platform.web.answers import Scope
from topup.platform.web.edge import AnyRequest, header, web_settings, whole_of

_JSON: Final = "application/json"


async def read_body(request: AnyRequest, *, expected: str | None = _JSON, limit: int | None = None) -> bytes:
    """The whole body.

    `expected` is the media type it must have, or None for any; `limit` how many bytes it may have (None: as many as the
    installation lets any). Raises Invalid: `body_type_unsupported`,
    `body_too_large`, `body_too_slow`, or `request_malformed` when the caller went away in the middle.
    """
    if expected is not None and not _has_type(header(request, b"content-type") or "", expected):
        raise Invalid("body_type_unsupported", expected=expected)
    settings = web_settings(request)
    most = limit or settings.body_limit_bytes
    length = header(request, b"content-length") or ""
    if length.isdigit() and (len(length) > len(str(most)) or int(length) > most):
        raise Invalid("body_too_large", limit=most)
    whole = whole_of(cast("Scope", request.scope))
    body = whole.body() if whole else None
    if body is not None:
        # It is here already, as most are: nothing to wait for.
        if len(body) > most:
            raise Invalid("body_too_large", limit=most)
        return body
    try:
        async with asyncio.timeout(settings.body_timeout_s):
            return await _gather(request, most)
    except TimeoutError:
        raise Invalid("body_too_slow") from None


def _has_type(header: str, expected: str) -> bool:
    media_type, _, parameters = header.partition(";")
    if media_type.strip().lower() != expected:
        return False
    name, _, value = parameters.partition("=")
    return name.strip().lower() != "charset" or value.strip().strip('"').lower() in {"utf-8", "utf8", "us-ascii"}


async def _gather(request: AnyRequest, limit: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await request.receive()
        if message["type"] != "http.request":
            raise Invalid("request_malformed")
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > limit:
            raise Invalid("body_too_large", limit=limit)
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)
