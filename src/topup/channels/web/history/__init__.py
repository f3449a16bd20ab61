"""The pages of what was topped up: the list and its search, as a file for spreadsheets, and as a statement."""

from topup.channels.web.history.routes import history_routes

__all__ = ["history_routes"]
