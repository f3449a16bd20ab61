"""`python -m topup`, and the `topup` command."""


def main() -> None:
    """Run the command line."""
    from topup.bootstrap import command_line  # noqa: PLC0415 - `topup --help` must not load the servers

    command_line()


if __name__ == "__main__":
    main()
