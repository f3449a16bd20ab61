"""Carriers' files that differ from the demonstration's in what a test is about."""

from importlib.resources import files
from pathlib import Path

from topup.catalogue.checking import check
from topup.catalogue.operations import publish

CREDIT_CAP = """
[[caps]]
asset = "CREDIT"
kind = "main"
amount = 100
at_cap = "{at_cap}"
"""


async def publish_changed(database, folder: Path, carrier: str, *, extra: str = "", **replaced: str) -> None:
    """Publish the demonstration's file of `carrier` with `extra` at its end, and `validity` of its credit replaced."""
    text = files("topup.catalogue.demonstration").joinpath(f"{carrier}.toml").read_text()
    if "validity" in replaced:
        lines = text.splitlines()
        place = next(number for number, line in enumerate(lines) if line.startswith("validity"))
        text = "\n".join([*lines[:place], f"validity = {replaced['validity']}", *lines[place + 1 :]])
    await publish_text(database, folder, text + "\n" + extra)


async def publish_text(database, folder: Path, text: str) -> None:
    """Publish a carrier's file that says `text`."""
    path = folder / "changed.toml"
    path.write_text(text, encoding="utf-8")
    async with database.transaction() as transaction:
        await publish(transaction.connection, check(path), transaction.now)
