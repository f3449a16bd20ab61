"""How much there is of an asset, in words and in units that every language reads alike."""

from typing import Final

from topup.kernel.money import Money

_DATA_UNITS: Final = (
    (2**40, "TB"),
    (10**12, "TB"),
    (2**30, "GB"),
    (10**9, "GB"),
    (2**20, "MB"),
    (10**6, "MB"),
    (2**10, "KB"),
    (10**3, "KB"),
)
_HALVES: Final = 2
"""1.5 GB is said so, not as 1536 MB."""
_MINUTE_S: Final = 60
_MEGABYTE: Final = 2**20
_LARGE: Final = frozenset({"TB", "GB", "MB"})
_FEW_DIGITS: Final = len("999")
_FEW_TENTHS: Final = 1_000
"""Up to a hundred of a unit its tenths are said too."""


def amount_text(asset: str, amount: int) -> tuple[str, dict[str, str]]:
    """Message id and parameters that say `amount` of `asset`: `1.5 GB`, `90 minutes`, `20 messages`, `10.00 CNY`."""
    if asset == "DATA":
        return "grant_data", _data(amount)
    if asset == "VOICE":
        minutes, seconds = divmod(amount, _MINUTE_S)
        return ("grant_seconds", {"count": str(amount)}) if seconds else ("grant_minutes", {"count": str(minutes)})
    if asset == "SMS":
        return "grant_messages", {"count": str(amount)}
    return "grant_credit", {"amount": Money(amount, asset).to_major(), "currency": asset}


def rough_text(asset: str, amount: int) -> tuple[str, dict[str, str]]:
    """The same no more exactly than people count, and never said larger than it is: `7.5 GB`, `362 MB`, `96 minutes`.

    What is exact in few digits is said exactly.
    """
    if asset == "VOICE" and amount >= _MINUTE_S:
        return amount_text(asset, amount - amount % _MINUTE_S)
    said = amount_text(asset, amount)
    if asset != "DATA" or amount < _MEGABYTE or (said[1]["unit"] in _LARGE and len(said[1]["count"]) <= _FEW_DIGITS):
        return said
    size, unit = next((size, unit) for size, unit in _DATA_UNITS if size <= amount and size.bit_count() == 1)
    tenths = amount * 10 // size
    few = tenths < _FEW_TENTHS and tenths % 10
    return "grant_data", {"count": f"{tenths // 10}.{tenths % 10}" if few else str(tenths // 10), "unit": unit}


def quantity_text(asset: str, amount: int) -> str:
    """The same without a word of any language, for the parameters of a Problem: `12.50 CNY`, `1.5 GB`, `90 min`."""
    message_id, said = amount_text(asset, amount)
    unit = {"grant_seconds": "s", "grant_minutes": "min", "grant_messages": "SMS"}.get(message_id, "")
    return " ".join([*said.values(), unit]).strip()


def _data(count: int) -> dict[str, str]:
    """The largest unit, of 1024 or of 1000, of which it is a whole or half number; never said larger than it is."""
    for size, unit in _DATA_UNITS:
        halves, rest = divmod(count * _HALVES, size)
        if rest == 0 and halves >= _HALVES:
            return {"count": f"{halves // 2}{'.5' if halves % 2 else ''}", "unit": unit}
    return {"count": str(count), "unit": "B"}
