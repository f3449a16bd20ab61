"""The embedded PostgreSQL: a newcomer's database, started and stopped by us.

Promise: one server per data directory, shared by all processes that use it, stopped by the last; it survives `kill -9`
of any of them and of itself; nothing listens on the network.
"""

from topup.platform.embedded.server import SETTINGS, EmbeddedServer

__all__ = ["SETTINGS", "EmbeddedServer"]
