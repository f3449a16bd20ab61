"""The pages of an account: coming in, devices, lines, settings, and the way out."""

from topup.channels.web.account.routes import account_routes, household

__all__ = ["account_routes", "household"]
