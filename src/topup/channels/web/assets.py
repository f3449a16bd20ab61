"""The few files every page needs: named by their content, compressed once, kept by the browser for a year."""

from functools import cache
from pathlib import Path
from typing import Final

from topup.platform.web.assets import Asset, load

STATIC: Final = Path(__file__).parent / "static"


@cache
def assets() -> dict[str, Asset]:
    """Every asset by its plain name: `topup.css`."""
    return load(STATIC, at="/assets")


@cache
def by_path() -> dict[str, Asset]:
    """Every asset by the path it is served at."""
    return {asset.path: asset for asset in assets().values()}
