"""The embedded PostgreSQL: a newcomer's database, started and stopped by us.

Promise: one server per data directory, shared by all processes that use it, stopped by the last; it survives `kill -9`
of any of them and of itself, and comes back while one of them lives; nothing listens on the network.
"""

from topup.platform.embedded.keeping import kept
from topup.platform.embedded.server import SETTINGS, EmbeddedServer

__all__ = ["SETTINGS", "EmbeddedServer", "kept"]
