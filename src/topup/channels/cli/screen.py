"""The two streams: what was asked for on standard output, everything else on standard error."""

import errno
import json
import os
import select
import signal
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from getpass import getpass
from typing import Any, Final, NoReturn, TextIO

import typer
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.markup import escape
from rich.measure import Measurement
from rich.prompt import Confirm, Prompt
from rich.text import TextType

from topup.channels.cli.exits import Exit
from topup.channels.cli.speech import say_problem
from topup.kernel.errors import Problem
from topup.kernel.money import Money

ID_WIDTH: Final = 30
"""Characters of an id, which one copies: the least width of a column where ids stand."""
_WIDEST: Final = 1_000
"""Columns: wider than whatever we show."""
_SIGNALS: Final = 64
"""More than there are at once."""


class Screen(Console):
    """A stream for people. That nobody reads it any more is told to whoever writes: rich would end the process, and
    a server would take that for its application's failure.
    """

    def on_broken_pipe(self) -> None:
        """Go on as any write to a pipe without a reader does."""
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))

    def input(
        self,
        prompt: TextType = "",
        *,
        markup: bool = True,
        emoji: bool = True,
        password: bool = False,
        stream: TextIO | None = None,
    ) -> str:
        """Ask, and read a line. Raises KeyboardInterrupt and EOFError."""
        self.print(prompt, markup=markup, emoji=emoji, end="")
        if sys.stdin.isatty():
            _wait_for_a_line()
        return super().input(password=password, stream=stream)


out = Screen(highlight=False, soft_wrap=True)
err = Screen(stderr=True, highlight=False, soft_wrap=True)


def _wait_for_a_line() -> None:
    """Wait until a line was typed, or a Ctrl-C.

    One that comes just before Python begins to read is only noted, and the terminal would wait for an answer for ever:
    here it ends the waiting whenever it comes. Signals that somebody else waits for are passed on.
    """
    heard, told = socket.socketpair()
    with heard, told:
        told.setblocking(False)  # noqa: FBT003 - a socket's own method
        before = signal.set_wakeup_fd(told.fileno())
        try:
            while sys.stdin not in select.select([sys.stdin, heard], [], [])[0]:
                numbers = heard.recv(_SIGNALS)
                if before >= 0:
                    os.write(before, numbers)
        finally:
            signal.set_wakeup_fd(before)


def show(content: RenderableType) -> None:
    """Something of several lines, with room around it."""
    out.print()
    out.print(_Whole(content))
    out.print()


@dataclass(frozen=True, slots=True)
class _Whole:
    """Content that is as wide as it must be: where the terminal is narrower, it breaks the lines itself. Whatever is no
    terminal gets whole lines.
    """

    content: RenderableType

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        needed = Measurement.get(console, options.update(max_width=_WIDEST), self.content)
        width = max(options.max_width, needed.minimum if console.is_terminal else needed.maximum)
        yield from console.render(self.content, options.update(width=width))


def complain(problem: Problem) -> None:
    """One sentence, and what to do, on standard error."""
    sentence, remedy = say_problem(problem)
    complain_in_words(sentence, remedy)


def complain_in_words(sentence: str, remedy: str | None = None) -> None:
    """The same for what is no Problem."""
    err.print(f"[bold red]✗[/] {escape(sentence)}")
    if remedy:
        err.print(f"  [dim]{escape(remedy)}[/]")


class Interruption:
    """That the person stopped the command, said once: whoever knows most says it first."""

    def __init__(self) -> None:
        self._is_said = False

    def tell(self, words: str) -> None:
        """Say it in these words, unless somebody has; the first line break ends the line of the ^C."""
        if not self._is_said:
            self._is_said = True
            err.print(f"\n{words}")


interruption = Interruption()


def ask(question: str) -> bool:
    """Ask in the terminal; its end counts as no. Raises KeyboardInterrupt on Ctrl-C.

    asyncio's own handler would only note the Ctrl-C for later, and the terminal would wait for an answer for ever.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return Confirm.ask(f" [bold]{escape(question)}[/]", console=err, default=False)
    except EOFError:
        return False
    finally:
        signal.signal(signal.SIGINT, before)


def ask_text(question: str, *, default: str = "", secret: bool = False) -> str:
    """Ask for a word, as `ask`; nothing where the input ends. A secret is not shown as it is typed."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        if secret and not sys.stdin.isatty():
            return sys.stdin.readline().strip()
        if secret:
            # Turns the echo off before it asks: what is typed at once is not shown either.
            return getpass(f" {question}: ", stream=sys.stderr).strip()
        return Prompt.ask(f" [bold]{escape(question)}[/]", console=err, default=default).strip()
    except EOFError:
        return ""
    finally:
        signal.signal(signal.SIGINT, before)


def leave(code: Exit) -> NoReturn:
    """End the command with this exit code."""
    raise typer.Exit(code)


def print_json(document: Mapping[str, Any]) -> None:
    """One JSON document, all there is on standard output."""
    sys.stdout.write(json.dumps(document, default=_plain, indent=2) + "\n")
    sys.stdout.flush()


def money_json(money: Money) -> dict[str, Any]:
    """An amount as the REST API writes it."""
    return {"amount_minor": money.amount_minor, "currency": money.currency}


def _plain(value: object) -> Any:
    if isinstance(value, Money):
        return money_json(value)
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"no JSON for {type(value).__name__}")
