"""What an installation was told, setting by setting, for people to look at: its value, and where that comes from.

No secret is in it: of one it is said whether it is set, never what or how long it is. What could be one counts as one:
by its type, by its name, and of third parties' plugins every text.
"""

import os
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretBytes, SecretStr, ValidationError
from pydantic_settings import BaseSettings

_SECRET_WORDS: Final = frozenset(
    {"secret", "secrets", "password", "passwd", "passphrase", "token", "key", "pin", "credential", "credentials"}
)
_PLACES: Final = frozenset({"file", "files", "env", "id", "dir"})
"""Words at a name's end by which it says where a secret lies, or which one it is, and not the secret."""
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)
_OURS: Final = "topup."
_LONGEST: Final = 2_000


class Source(StrEnum):
    """Where a value comes from."""

    ENVIRONMENT = "environment"
    OPTION = "option"
    """Of the command that began the process."""
    FILE = "file"
    DEFAULT = "default"
    DEMONSTRATION = "demonstration"
    """Made with a demonstration's simulators."""


@dataclass(frozen=True, slots=True)
class SettingFact:
    """One setting. `name` is its name in texts (`data_dir`, `tills.*.host`), `called` how an operator writes it.

    `value` is None where it may be a secret, and empty where nothing is set.
    """

    name: str
    called: str
    value: str | None
    source: Source
    is_set: bool


def environment_facts(settings: BaseSettings) -> list[SettingFact]:
    """The settings that are read from variables of the environment, in the order they are declared."""
    prefix = settings.model_config.get("env_prefix", "")
    alone = _from_the_environment(type(settings))
    variables = {name.upper() for name, value in os.environ.items() if value}
    found = []
    for name in type(settings).model_fields:
        called, value = f"{prefix}{name.upper()}", getattr(settings, name)
        source = Source.DEFAULT
        if called in variables and (alone is None or getattr(alone, name) == value):
            source = Source.ENVIRONMENT
        elif name in settings.model_fields_set:
            source = Source.OPTION
        found.append(_fact(name, name, called, value, source, ours=True))
    return found


def table_facts(values: BaseModel, *, given: Source = Source.FILE) -> list[SettingFact]:
    """The settings of one table of a file, or of one that was made instead; tables within it one by one."""
    return list(_table(values, "", "", given, ours=type(values).__module__.startswith(_OURS)))


def _table(values: BaseModel, name: str, called: str, given: Source, *, ours: bool) -> Iterator[SettingFact]:
    for own in type(values).model_fields:
        value = getattr(values, own)
        source = given if own in values.model_fields_set else Source.DEFAULT
        if isinstance(value, BaseModel):
            yield from _table(value, f"{name}{own}.", f"{called}{own}.", given, ours=ours)
        elif isinstance(value, Mapping) and value and all(isinstance(one, BaseModel) for one in value.values()):
            for key, one in value.items():
                yield from _table(one, f"{name}{own}.*.", f"{called}{own}.{key}.", given, ours=ours)
        else:
            yield _fact(f"{name}{own}", own, f"{called}{own}", value, source, ours=ours)


def _fact(name: str, own: str, called: str, value: Any, source: Source, *, ours: bool) -> SettingFact:
    is_set = value is not None and value not in ("", (), {}, frozenset())
    shown = None if _may_be_secret(own, value, ours=ours) else _said(value)[:_LONGEST]
    return SettingFact(name, called, shown, source, is_set)


def _may_be_secret(name: str, value: Any, *, ours: bool) -> bool:
    if isinstance(value, SecretStr | SecretBytes):
        return True
    words = name.lower().split("_")
    if words[-1] == "env" and isinstance(value, str) and value:
        # Somebody may have written the secret itself where its variable's name belongs.
        return _VARIABLE.fullmatch(value) is None or value not in os.environ
    if words[-1] not in _PLACES and _SECRET_WORDS & set(words):
        return not isinstance(value, bool | int | float)
    return not ours and not _is_plain(value)


def _is_plain(value: Any) -> bool:
    """Whether no text of somebody's can be in it."""
    if value is None or isinstance(value, bool | int | float | Decimal | StrEnum | Path | datetime):
        return True
    return isinstance(value, tuple | list | frozenset | set) and all(map(_is_plain, value))


def _said(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={_said(one)}" if key else _said(one) for key, one in value.items())
    if isinstance(value, tuple) and value and all(isinstance(one, Decimal | int) for one in value):
        return "/".join(map(str, value))
    if isinstance(value, Collection) and not isinstance(value, str | bytes):
        return ", ".join(sorted(map(_said, value)) if isinstance(value, frozenset | set) else map(_said, value))
    text = str(value)
    return _without_login(text) if "://" in text else text


def _without_login(address: str) -> str:
    """A web address without a name, a password, a query or a fragment in it."""
    try:
        parts = urlsplit(address)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return ""
    return f"{parts.scheme}://{host}{parts.path}"


def _from_the_environment(model: type[BaseSettings]) -> BaseSettings | None:
    """What the environment alone says; None where that cannot stand without the command's options."""
    try:
        return model()
    except ValidationError:
        return None
