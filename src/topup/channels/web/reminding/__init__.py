"""The messages somebody finds in their account, and the page that stops those that come by mail."""

from topup.channels.web.reminding.routes import reminding_routes

__all__ = ["reminding_routes"]
