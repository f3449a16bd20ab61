"""Top-ups that run by themselves, for who agreed to them, and the cards they are paid with."""

from topup.channels.web.automatic.routes import automatic_routes

__all__ = ["automatic_routes"]
