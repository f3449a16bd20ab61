"""Running one command: its settings, its loop, its failures, its interruption."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

from topup.channels.cli.exits import Exit, exit_of
from topup.channels.cli.screen import complain, complain_in_words, interruption, leave
from topup.channels.cli.speech import say
from topup.kernel.errors import Problem
from topup.platform.settings import Settings, load_settings

Command = Callable[[Settings], Coroutine[Any, Any, Exit]]


def run(command: Command, **overrides: Path | int | bool | None) -> None:
    """Run a command with the settings of the environment and these before them, and leave with its exit code."""
    with _sentences(), asyncio.Runner() as runner:
        try:
            code = runner.run(_stoppable(command(_settings(overrides))))
        except (KeyboardInterrupt, asyncio.CancelledError):
            # Who presses Ctrl-C once presses it twice: what is being put away by now is put away whole, and quietly.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            raise
    leave(code)


def run_blocking(command: Callable[[Settings], None], **overrides: Path | int | bool | None) -> None:
    """The same for what brings a loop of its own, and ends well when it was told to end."""
    with _sentences():
        command(_settings(overrides))


def _settings(overrides: dict[str, Path | int | bool | None]) -> Settings:
    return load_settings(**{name: value for name, value in overrides.items() if value is not None})


@contextlib.contextmanager
def _sentences() -> Iterator[None]:
    """Whatever may be expected to go wrong becomes a sentence and an exit code."""
    try:
        yield
    except Problem as problem:
        complain(problem)
        leave(exit_of(problem))
    except (KeyboardInterrupt, asyncio.CancelledError):
        interruption.tell(f"[dim]{say('interrupted')}[/]")
        leave(Exit.INTERRUPTED)
    except BrokenPipeError:
        # A reader of our output went away (`topup … | head`). What is still buffered has nowhere to go, and Python must
        # not find that out again at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        leave(Exit.NOBODY_READS)
    except OSError as error:
        complain_in_words(say("system_said_no", reason=error.strerror or type(error).__name__))
        leave(Exit.UNAVAILABLE)


async def _stoppable(command: Coroutine[Any, Any, Exit]) -> Exit:
    """The command, with SIGTERM putting things away as Ctrl-C does."""
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("a command runs in a task")
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await command
