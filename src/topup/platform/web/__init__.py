"""What every web channel shares: who calls, how often, how failures are told, what is counted and logged.

`application` assembles the routers into one ASGI application; classes with handlers derive from `Handlers`. Inside a
handler, `client_address`, `request_id` and `request_locale` say what is known of the caller, `limit` keeps one caller
from taking everybody's turn, `read_body` takes a bounded body, and any `kernel.errors.Problem` that is raised becomes a
problem document or page.
"""

from topup.platform.web.application import Handlers, Page, application
from topup.platform.web.bodies import read_body
from topup.platform.web.edge import client_address, is_local, limit, request_id, request_locale
from topup.platform.web.problems import ProblemDocument
from topup.platform.web.settings import WebSettings, load_web_settings

__all__ = [
    "Handlers",
    "Page",
    "ProblemDocument",
    "WebSettings",
    "application",
    "client_address",
    "is_local",
    "limit",
    "load_web_settings",
    "read_body",
    "request_id",
    "request_locale",
]
