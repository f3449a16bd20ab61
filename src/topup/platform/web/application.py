"""The one ASGI application of a process, assembled from the channels' routers."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Self, cast

from litestar import Litestar, Request, Response
from litestar.types import ControllerRouterHandler

from topup.platform.settings import Settings
from topup.platform.web.answers import Answer, told
from topup.platform.web.edge import AnyRequest, App, Edge, request_id, request_locale
from topup.platform.web.problems import MEDIA_TYPE, ProblemDocument, document_of, problem_of
from topup.platform.web.settings import WebSettings
from topup.platform.web.shortcuts import shortcuts_of

Page = Callable[[AnyRequest, ProblemDocument], Response[Any]]
"""How a web channel shows a problem to a person with a browser."""
Lifespan = Callable[[Litestar], AbstractAsyncContextManager[None]]


class Handlers:
    """Base of a class whose bound methods are route handlers.

    The framework copies each handler deeply; what stands behind a bound method (a desk, its tasks) must stay one.
    """

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Itself."""
        return self


_NO_PAGES = ("/api/", "/webhooks/", "/health/", "/metrics", "/sandbox/payments/")


def application(
    *,
    routers: Sequence[ControllerRouterHandler],
    settings: Settings,
    web_settings: WebSettings,
    problem_page: Page | None = None,
    lifespan: Sequence[Lifespan] = (),
) -> App:
    """The ASGI application of these routers.

    Whatever a handler raises is told as a problem document; to a browser, outside the API, as `problem_page` draws it.
    """

    def tell(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
        return _tell(request, error, web_settings.body_limit_bytes, problem_page)

    inner = Litestar(
        list(routers),
        exception_handlers={Exception: tell},
        lifespan=list(lifespan),
        request_max_body_size=web_settings.body_limit_bytes,
        openapi_config=None,
        logging_config=None,
    )
    https = settings.public_url.startswith("https://")
    return Edge(
        cast("App", inner),
        trusted_proxies=settings.trusted_proxies,
        settings=web_settings,
        https=https,
        demo=settings.demo,
        shortcuts=shortcuts_of(inner),
        tell=lambda request, error: _told(request, error, web_settings.body_limit_bytes),
    )


def _tell(request: AnyRequest, error: Exception, body_limit: int, page: Page | None) -> Response[Any]:
    document = _document(request, error, body_limit)
    if page is not None and _wants_page(request):
        response = page(request, document)
        response.status_code = document.status
        response.headers.update(document.headers)
        return response
    return Response(document.to_json(), media_type=MEDIA_TYPE, status_code=document.status, headers=document.headers)


def _told(request: AnyRequest, error: Exception, body_limit: int) -> Answer:
    """To a program: whoever takes a shortcut is one."""
    document = _document(request, error, body_limit)
    return told(document.to_json(), status=document.status, media_type=MEDIA_TYPE, headers=document.headers)


def _document(request: AnyRequest, error: Exception, body_limit: int) -> ProblemDocument:
    problem = problem_of(error, body_limit=body_limit)
    return document_of(problem, locale=request_locale(request), request_id=request_id(request))


def _wants_page(request: AnyRequest) -> bool:
    path = request.scope["path"]
    return "text/html" in request.headers.get("accept", "") and not path.startswith(_NO_PAGES)
