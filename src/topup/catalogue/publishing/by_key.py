"""What differs between two carriers' files key by key, in the words of the files themselves."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Final

Key = tuple[str, ...]
"""The way to a value: keys, the ids of tables that have one, and numbers from 1 of those that have none."""

_NONE: Final = object()
_LONGEST: Final = 120
_NAMES: Final = ("id", "asset", "service", "when", "from")
"""What tells the tables of a list apart, whichever all of them have, each another."""


@dataclass(frozen=True, slots=True)
class Change:
    """A key whose value differs; `before` or `after` is None where the key is not there."""

    key: Key
    before: str | None
    after: str | None

    @property
    def spelled(self) -> str:
        """As an operator would say it: `rates[sms-home].price`."""
        return spelled(self.key)


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """Every key that is not the same in both files, in the order of the later file; what is gone comes last."""
    return list(_differing((), before, after))


def _differing(key: Key, before: Any, after: Any) -> Iterator[Change]:
    if repr(before) == repr(after):  # `true` equals 1, and means something else
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in [*after, *(name for name in before if name not in after)]:
            yield from _differing((*key, str(name)), before.get(name, _NONE), after.get(name, _NONE))
    elif _tables(before) and _tables(after):
        yield from _in_lists(key, before, after)
    elif isinstance(before, list) and isinstance(after, list) and not _tables(before) and not _tables(after):
        yield from _members(key, before, after)
    else:
        yield Change(key, _shown(before), _shown(after))


def _in_lists(key: Key, before: list[Any], after: list[Any]) -> Iterator[Change]:
    """Tables beside each other: those of one name, or of one place where they have none."""
    name = next((name for name in _NAMES if _tells_apart(name, before) and _tells_apart(name, after)), None)
    if name is None:
        for index, (old, new) in enumerate(zip_longest(before, after, fillvalue=_NONE), 1):
            yield from _differing((*key, f"[{index}]"), old, new)
        return
    was, is_ = ({str(one[name]): one for one in tables} for tables in (before, after))
    for own in [*is_, *(own for own in was if own not in is_)]:
        yield from _differing((*key, f"[{own}]"), was.get(own, _NONE), is_.get(own, _NONE))
    if was.keys() == is_.keys() and list(was) != list(is_):
        yield Change(key, _shown(list(was)), _shown(list(is_)))


def _members(key: Key, before: list[Any], after: list[Any]) -> Iterator[Change]:
    """Lists of plain values: what came and what went; the same in another order is told whole."""
    came = [value for value in after if value not in before]
    went = [value for value in before if value not in after]
    if came or went:
        yield Change(key, _shown(went) if went else None, _shown(came) if came else None)
    else:
        yield Change(key, _shown(before), _shown(after))


def _tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, Mapping) for one in value)


def _tells_apart(name: str, tables: list[Any]) -> bool:
    found = [one.get(name) for one in tables]
    return all(isinstance(one, str | int) for one in found) and len({str(one) for one in found}) == len(found)


def _shown(value: Any) -> str | None:
    """A value as the file has it, short."""
    if value is _NONE:
        return None
    text = _text(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return ", ".join(f"{name} = {_text(one)}" for name, one in value.items())
    if isinstance(value, list):
        return " · ".join(_text(one) for one in value)
    return str(value)


def spelled(key: Key) -> str:
    """A key as an operator would say it."""
    return "".join(part if part.startswith("[") else f".{part}" for part in key).removeprefix(".")
