"""The command line: for the one who runs topup, and for whoever likes a terminal.

What a person reads goes to the terminal in their language; what a program reads (`--json`) is all there is on standard
output, in no language. Failures are one sentence and what to do on standard error, and an exit code of `exits.Exit`.

Public face: `app.create_app`.
"""
