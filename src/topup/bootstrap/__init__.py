"""The composition root: the one place where everything is put together, and nothing is decided.

`command_line` is the `topup` command. What is heavy loads when a command needs it.
"""

import gc
import sys
from typing import Final

GENERATIONS: Final = (50_000, 20, 50)
"""What is imported stays: looking for garbage among it every 700 objects is a tenth of a start."""

_INTERRUPTED: Final = 130
"""`channels.cli.exits.Exit.INTERRUPTED`, before that is loaded."""


def command_line() -> None:
    """Run the command line; ends the process with its exit code."""
    try:
        _run()
    except KeyboardInterrupt:
        # While the program itself was loading: nothing is begun that could be put away, or be told.
        raise SystemExit(_INTERRUPTED) from None


def _run() -> None:
    gc.set_threshold(*GENERATIONS)
    # httpx would load a command line of its own, with a terminal's colours: half of what it takes to load.
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # None is how to say "not to be imported"
    from topup.bootstrap.runtime import HouseRuntime  # noqa: PLC0415 - this package's import must cost nothing
    from topup.channels.cli.app import create_app  # noqa: PLC0415

    create_app(HouseRuntime())()
