"""A command that is interrupted ends once, quietly, however often Ctrl-C is pressed."""

import subprocess
import sys

import pytest

PRESSED_AGAIN = """
import asyncio, os, signal, sys, typer
from topup.channels.cli import running

def press():
    os.kill(os.getpid(), signal.SIGINT)

async def command(settings):
    try:
        press()
        await asyncio.sleep(600)
    finally:
        if sys.argv[1] == "while it is put away":
            press()

def told(words):
    print("told", flush=True)
    if sys.argv[1] == "while it is told":
        press()

running.interruption.tell = told
try:
    running.run(command)
except typer.Exit as exit:
    sys.exit(exit.exit_code)
"""


@pytest.mark.parametrize("again", ["never", "while it is put away", "while it is told"])
def test_a_second_ctrl_c_changes_nothing(again):
    command = ["env", "--default-signal=INT", sys.executable, "-c", PRESSED_AGAIN, again]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "told\n", "")
