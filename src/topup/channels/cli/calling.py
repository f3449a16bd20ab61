"""How to call the command again, as somebody may copy it into another terminal."""

import os
import shlex
import shutil
import sys
from pathlib import Path

from topup.platform.settings import Settings, default_data_dir


def how_to_call(settings: Settings) -> str:
    """The command that runs here, with this data directory, from where we are: a variable that was set for it need not
    be set where it is copied to.
    """
    called = Path(sys.argv[0])
    found = shutil.which(called.name)
    if called.name == "__main__.py":  # `python -m topup`: the file is nothing anybody could type
        name = "topup"
    elif found is not None and Path(found).samefile(called):
        name = called.name
    else:
        name = os.path.relpath(called) if called.is_relative_to(Path.cwd()) else str(called)
    usual = settings.data_dir == default_data_dir()
    return name if usual else f"TOPUP_DATA_DIR={shlex.quote(str(settings.data_dir))} {name}"
