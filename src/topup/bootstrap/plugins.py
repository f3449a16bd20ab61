"""Which plugins an installation uses: a table each in `<data_dir>/plugins.toml`, their settings in it.

    [payments.acme]
    merchant_id = "…"
    private_key_file = "/etc/topup/acme.pem"

A demonstration uses the simulators' instead, and reads no file.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from topup.fulfilment.ports import Carrier
from topup.kernel.errors import Invalid
from topup.notifications.ports import Messenger
from topup.payments.ports import Gateway
from topup.platform.plugs import DuplicatePlug, Plug, UnknownPlug, discover
from topup.platform.settings import Settings

if TYPE_CHECKING:
    from topup.platform.http import Client

KINDS: Final = ("payments", "carriers", "messengers")
FILE: Final = "plugins.toml"

Wanted = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""Settings by kind and plugin name."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The plugins in use, with their settings, by kind and name."""

    plugs: dict[str, dict[str, tuple[Plug, Any]]] = field(default_factory=dict)

    def names(self, kind: str) -> list[str]:
        """The names of one of KINDS."""
        return sorted(self.plugs.get(kind, {}))


@dataclass(frozen=True, slots=True)
class Plugins:
    """The plugins of one process, made."""

    gateways: Mapping[str, Gateway]
    carriers: Mapping[str, Carrier]
    messenger: Messenger | None

    async def aclose(self) -> None:
        """Let go of their connections."""
        for gateway in self.gateways.values():
            await gateway.aclose()
        for carrier in self.carriers.values():
            await carrier.aclose()
        if self.messenger is not None:
            await self.messenger.aclose()


def read_wanted(settings: Settings) -> Wanted:
    """What `plugins.toml` says; nothing where there is no such file. Raises Invalid `plugins_file_wrong`."""
    path = settings.data_dir / FILE
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _wrong(path, str(error)) from None
    for kind, tables in content.items():
        if kind not in KINDS or not isinstance(tables, dict) or not all(isinstance(t, dict) for t in tables.values()):
            raise _wrong(path, f"[{kind}]: tables are named payments.…, carriers.… or messengers.…")
    return content


def choose(settings: Settings, *, demo: bool, wanted: Wanted | None = None) -> Chosen:
    """The plugins that `wanted` (else `plugins.toml`) names, with their settings.

    Raises Invalid: `plugins_file_wrong`, `plugin_unknown`, `plugin_settings_wrong`, `plugin_twice`, and
    `simulator_in_production`.
    """
    wanted = read_wanted(settings) if wanted is None else wanted
    third_party = {
        "payments": settings.payment_plugins,
        "carriers": settings.carrier_plugins,
        "messengers": settings.messenger_plugins,
    }
    plugs: dict[str, dict[str, tuple[Plug, Any]]] = {}
    for kind in KINDS:
        known = _discovered(kind, third_party[kind])
        plugs[kind] = {
            name: _configured(kind, name, values, known, demo=demo) for name, values in wanted.get(kind, {}).items()
        }
    if len(plugs["messengers"]) > 1:
        raise Invalid("one_messenger", names=sorted(plugs["messengers"]))
    return Chosen(plugs)


def make(chosen: Chosen, client: "Client") -> Plugins:
    """Make them. Raises Invalid `plugin_settings_wrong` where a key file cannot be read, or an address not called."""
    made = {
        kind: {name: _made(kind, name, plug, values, client) for name, (plug, values) in plugs.items()}
        for kind, plugs in chosen.plugs.items()
    }
    messengers = list(made.get("messengers", {}).values())
    return Plugins(made.get("payments", {}), made.get("carriers", {}), messengers[0] if messengers else None)


def _discovered(kind: str, third_party: tuple[str, ...]) -> dict[str, Plug]:
    try:
        return discover(f"topup.plugins.{kind}", third_party=third_party)
    except UnknownPlug as error:
        raise Invalid("plugin_unknown", name=str(error), kind=kind, known=[]) from error
    except DuplicatePlug as error:
        raise Invalid("plugin_twice", reason=str(error)) from error


def _configured(
    kind: str, name: str, values: Mapping[str, Any], known: Mapping[str, Plug], *, demo: bool
) -> tuple[Plug, Any]:
    plug = known.get(name)
    if plug is None:
        real = sorted(found for found, plug in known.items() if demo or not plug.simulator)
        raise Invalid("plugin_unknown", name=name, kind=kind, known=real)
    if plug.simulator and not demo:
        raise Invalid("simulator_in_production", name=name, kind=kind)
    try:
        return plug, plug.settings(**values)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "?"
        raise Invalid("plugin_settings_wrong", name=name, kind=kind, reason=f"{place}: {first['msg']}") from None


def _made(kind: str, name: str, plug: Plug, values: Any, client: "Client") -> Any:
    try:
        return plug.make(values, client)
    except (OSError, ValueError) as error:
        raise Invalid("plugin_settings_wrong", name=name, kind=kind, reason=str(error)) from error


def _wrong(path: Path, reason: str) -> Invalid:
    return Invalid("plugins_file_wrong", path=str(path), reason=reason)
