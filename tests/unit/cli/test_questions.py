"""Questions in a terminal: a Ctrl-C is heard whenever it comes, also just before the answer is read."""

import os
import pty
import select
import subprocess
import sys
import termios
from pathlib import Path

QUESTIONS = 400
SILENCE_S = 30
ASKING = f"""
import os, signal
from topup.channels.cli import screen

heard = 0
signal.signal(signal.SIGINT, lambda *_: None)
for _ in range({QUESTIONS}):
    try:
        screen.ask("Pay?")
    except KeyboardInterrupt:
        heard += 1
os._exit(0 if heard == {QUESTIONS} else 1)
"""


def _keep_what_is_shown(terminal: int) -> None:
    """After a Ctrl-C a terminal throws away what was not read yet, a moment after its signal: by then that can be the
    next question, which nobody would see to answer.
    """
    modes = termios.tcgetattr(terminal)
    modes[3] |= termios.NOFLSH
    termios.tcsetattr(terminal, termios.TCSANOW, modes)


def test_every_ctrl_c_is_heard(tmp_path: Path) -> None:
    ours, its = pty.openpty()
    _keep_what_is_shown(its)
    with subprocess.Popen(
        ["env", "--default-signal=INT", "setsid", "--ctty", sys.executable, "-c", ASKING],
        env={**os.environ, "TERM": "dumb", "COLUMNS": "80", "TOPUP_LANG": "en"},
        stdin=its,
        stdout=its,
        stderr=its,
    ) as asking:
        os.close(its)
        shown, asked = b"", 0
        while select.select([ours], [], [], SILENCE_S)[0]:
            try:
                shown += os.read(ours, 4096)
            except OSError:
                break
            # Typed as soon as it can be: the process is just about to read. What a Ctrl-C interrupts while it is shown
            # may be shown again with the next question: several at once are answered once.
            if shown.count(b"(n): ") > asked:
                asked = shown.count(b"(n): ")
                os.write(ours, b"\x03")
        else:
            asking.kill()
    os.close(ours)
    assert asked >= QUESTIONS, f"the Ctrl-C at question {asked} was not heard"
    assert asking.returncode == 0
