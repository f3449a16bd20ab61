"""The two streams: what was asked for on standard output, everything else on standard error."""

import json
import signal
import sys
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NoReturn

import typer
from rich.console import Console, RenderableType
from rich.markup import escape
from rich.prompt import Confirm

from topup.channels.cli.exits import Exit
from topup.channels.cli.speech import say_problem
from topup.kernel.errors import Problem
from topup.kernel.money import Money

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def show(content: RenderableType) -> None:
    """Something of several lines, with room around it."""
    out.print()
    out.print(content)
    out.print()


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
