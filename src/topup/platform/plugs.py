"""How a plugin is found: each module of a plugins package ends with `PLUG = Plug(...)`."""

import importlib
import pkgutil
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from pydantic import BaseModel


class DuplicatePlug(RuntimeError):
    """Two plugins of one kind have one name: nothing starts until one of them goes."""


class UnknownPlug(RuntimeError):
    """The settings name a plugin that is not installed."""


@dataclass(frozen=True, slots=True)
class Vector:
    """A test vector of a plugin's codec: headers and body of an event, and whether it must verify."""

    name: str
    headers: dict[str, str]
    body: bytes
    accepted: bool
    at: datetime | None = None
    """When it is received, for signatures that go stale; None where they do not."""


class Health(StrEnum):
    """How one thing stands that a plugin needs."""

    FINE = "fine"
    SOON = "soon"
    """Fine today, and wrong before long."""
    WRONG = "wrong"
    UNKNOWN = "unknown"
    """Could not be looked at; `reason` says why."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a plugin's check found of one thing (`private_key`, `certificate`, `clock`, `reachable`).

    `reason` is a message id of the catalogue `doctor`, with its `parameters`; never a key or a secret.
    """

    subject: str
    health: Health
    reason: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plug:
    """One plugin: its name, its settings model, what it can do, how it is made, and its test vectors."""

    name: str
    settings: type[BaseModel]
    capabilities: frozenset[str]
    make: Callable[[Any, Any], Any]
    """(settings, platform.http.Client) -> an object of the port."""
    vectors: Sequence[Vector] = field(default=())
    simulator: bool = False
    """A simulator's plugin: a production configuration refuses to start with it."""
    example: Callable[[Path, str], BaseModel] | None = None
    """(a directory for key files, the address to call) -> settings under which `vectors` hold: what the conformance
    suite makes the plugin with."""
    check: Callable[[Any, Any, datetime], Awaitable[Sequence[Finding]]] | None = None
    """(settings, platform.http.Client, now) -> what `topup doctor` says of it: keys, certificates, clock, reach."""


def discover(package: str, *, third_party: Sequence[str] = ()) -> dict[str, Plug]:
    """Every plug of `package` (`topup.plugins.payments`), and of the entry points named in `third_party`.

    Raises DuplicatePlug and UnknownPlug.
    """
    found: dict[str, Plug] = {}
    root = importlib.import_module(package)
    names = [module.name for module in pkgutil.iter_modules(root.__path__, f"{package}.")]
    plugs = [plug for name in sorted(names) if (plug := getattr(importlib.import_module(name), "PLUG", None))]
    group = f"topup.{package.rsplit('.', 1)[-1]}"
    installed = {point.name: point for point in entry_points(group=group)} if third_party else {}
    for name in third_party:
        if name not in installed:
            raise UnknownPlug(f"no plugin {name} is installed in group {group}")
        plugs.append(installed[name].load())
    for plug in plugs:
        if plug.name in found:
            raise DuplicatePlug(f"two plugins are named {plug.name}")
        found[plug.name] = plug
    return found
