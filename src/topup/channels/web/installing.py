"""What lets the site be put on a home screen, and say something without a network."""

import json
from typing import Final

from litestar import Response

from topup.channels.web.assets import assets, by_path
from topup.channels.web.rendering import HEADERS, Page, WebRequest, page, reader_of
from topup.kernel.errors import NotFound
from topup.platform.web.assets import FOR_EVER

_SHELL: Final = ("topup.css", "topup.js", "htmx.min.js", "icon.svg")


async def asset(request: WebRequest, name: str) -> Page:
    """A file by its name with the hash of its content: it never changes, so it is kept for a year."""
    found = by_path().get(f"/assets/{name}")
    if found is None:
        raise NotFound("route_unknown")
    body, headers = found.encoded(request.headers.get("accept-encoding", ""))
    return Response(body, media_type=found.media_type, headers={"Cache-Control": FOR_EVER} | headers)


async def favicon(_: WebRequest) -> Page:
    """Where browsers look that read no page."""
    icon = assets()["icon-32.png"]
    return Response(icon.plain, media_type=icon.media_type, headers={"Cache-Control": "public, max-age=86400"})


async def manifest(request: WebRequest) -> Page:
    """The web app manifest (W3C), in the reader's language."""
    wording = reader_of(request).wording
    document = {
        "id": "/",
        "name": f"topup · {wording.text('home_title')}",
        "short_name": "topup",
        "description": wording.text("site_description"),
        "lang": wording.lang,
        "start_url": "/",
        "scope": "/",
        "display": "standalone",
        "background_color": "#f7f5f0",
        "theme_color": "#f7f5f0",
        "icons": [
            {"src": assets()["icon.svg"].path, "sizes": "any", "type": "image/svg+xml"},
            {"src": assets()["icon-192.png"].path, "sizes": "192x192", "type": "image/png"},
            {"src": assets()["icon-512.png"].path, "sizes": "512x512", "type": "image/png", "purpose": "any maskable"},
        ],
    }
    return Response(
        json.dumps(document, ensure_ascii=False).encode(),
        media_type="application/manifest+json",
        headers={"Cache-Control": "no-cache", "Vary": "Accept-Language, Cookie"},
    )


async def offline(request: WebRequest) -> Page:
    """What the service worker shows without a network; it lists the receipts it kept."""
    return page(request, "offline.html")


async def service_worker(_: WebRequest) -> Page:
    """The service worker, at the top so that it may speak for every page; its first line names what it keeps."""
    shell = [assets()[name].path for name in _SHELL]
    head = f"const SHELL = {json.dumps(shell)};\n".encode()
    source = assets()["service-worker.js"].plain
    return Response(
        head + source,
        media_type="text/javascript; charset=utf-8",
        headers={"Cache-Control": "no-cache", "Content-Security-Policy": HEADERS["Content-Security-Policy"]},
    )
