"""The REST API: the top-up for programs, events of gateways and carriers, and what monitors ask.

`create_api_router` gives the router of all of it, which `platform.web.application` takes.
"""

from topup.channels.api.routes import create_api_router

__all__ = ["create_api_router"]
