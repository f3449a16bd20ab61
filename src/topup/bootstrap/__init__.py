"""The composition root: the one place where everything is put together, and nothing is decided.

`command_line` is the `topup` command. What is heavy loads when a command needs it.
"""


def command_line() -> None:
    """Run the command line; ends the process with its exit code."""
    from topup.bootstrap.runtime import HouseRuntime  # noqa: PLC0415 - this package's import must cost nothing
    from topup.channels.cli.app import create_app  # noqa: PLC0415

    create_app(HouseRuntime())()
