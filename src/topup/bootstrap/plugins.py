"""Which plugins an installation uses: a table each in `<data_dir>/plugins.toml`, their settings in it.

    [payments.acme]
    merchant_id = "…"
    private_key_file = "/etc/topup/acme.pem"

Receipt printers are devices, each till's in a table below its plugin's: `[devices.escpos_network.tills.counter-1]`.
A messenger sends to the kinds of address it is able to; where two are able to, `serves = ["mail"]` in its table says
which of them does. Methods of the house itself (`payments.methods`: a balance, a bank transfer) are chosen and set in
the same way.

A demonstration uses the simulators' instead, and reads of the file nothing but its devices.
"""

import asyncio
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ValidationError

from topup.bootstrap.payers import SimulatedPayer, payers
from topup.fulfilment.ports import Carrier
from topup.kernel.errors import Invalid
from topup.notifications.ports import AddressKind, Messenger
from topup.payments.methods.settings import OWN
from topup.payments.ports import Gateway
from topup.platform.plugs import DuplicatePlug, Finding, Health, Plug, UnknownPlug, discover
from topup.platform.setting_rules import rule_of
from topup.platform.settings import Settings
from topup.shops.printing.ports import Printers

if TYPE_CHECKING:
    from topup.platform.http import Client

KINDS: Final = ("payments", "carriers", "messengers", "devices")
FILE: Final = "plugins.toml"
_SERVES: Final = "serves"
"""In a messenger's table, and no setting of its own: the kinds of address that it is to send to."""

Wanted = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""Settings by kind and plugin name."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The plugins in use, with their settings, by kind and name."""

    plugs: dict[str, dict[str, tuple[Plug, Any]]] = field(default_factory=dict)
    own: dict[str, Any] = field(default_factory=dict)
    """The settings of the ways to pay that are of the house itself."""
    serving: Mapping[AddressKind, str] = field(default_factory=dict)
    """The name of the messenger that sends to each kind of address."""
    controls: Mapping[str, str] = field(default_factory=dict)
    """Of a demonstration: the addresses of the simulated gateways' controls, by name."""

    def names(self, kind: str) -> list[str]:
        """The names of one of KINDS."""
        return sorted([*self.plugs.get(kind, {}), *(self.own if kind == "payments" else ())])


@dataclass(frozen=True, slots=True)
class Plugins:
    """The plugins of one process, made."""

    gateways: Mapping[str, Gateway]
    carriers: Mapping[str, Carrier]
    messengers: Mapping[AddressKind, Messenger]
    """By the kind of address; one may serve several."""
    payers: Mapping[str, SimulatedPayer]
    printers: Mapping[str, Printers] = field(default_factory=dict)
    """By the till that each belongs to."""

    async def aclose(self) -> None:
        """Let go of their connections."""
        for gateway in self.gateways.values():
            await gateway.aclose()
        for carrier in self.carriers.values():
            await carrier.aclose()
        for messenger in {messenger.name: messenger for messenger in self.messengers.values()}.values():
            await messenger.aclose()
        for printers in {printers.name: printers for printers in self.printers.values()}.values():
            await printers.aclose()


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
            raise _wrong(path, f"[{kind}]: tables are named payments.…, carriers.…, messengers.… or devices.…")
    return content


def choose(
    settings: Settings, *, demo: bool, wanted: Wanted | None = None, controls: Mapping[str, str] | None = None
) -> Chosen:
    """The plugins that `wanted` (else `plugins.toml`) names, with their settings.

    Raises Invalid: `plugins_file_wrong`, `plugin_unknown`, `plugin_settings_wrong`, `plugin_twice`,
    `simulator_in_production`, `one_messenger`, and `messenger_unable`.
    """
    wanted = read_wanted(settings) if wanted is None else {"devices": _own_devices(settings), **wanted}
    third_party = {
        "payments": settings.payment_plugins,
        "carriers": settings.carrier_plugins,
        "messengers": settings.messenger_plugins,
        "devices": settings.device_plugins,
    }
    plugs: dict[str, dict[str, tuple[Plug, Any]]] = {}
    wishes = {name: values.get(_SERVES) for name, values in wanted.get("messengers", {}).items()}
    own = {name: values for name, values in wanted.get("payments", {}).items() if name in OWN}
    for kind in KINDS:
        known = _discovered(kind, third_party[kind])
        plugs[kind] = {
            name: _configured(kind, name, _its_own(kind, values), known, demo=demo)
            for name, values in wanted.get(kind, {}).items()
            if kind != "payments" or name not in own
        }
    serving = _serving({name: plug for name, (plug, _) in plugs["messengers"].items()}, wishes)
    read = {name: _read("payments", name, OWN[name], values) for name, values in own.items()}
    return Chosen(plugs, read, serving, controls or {})


def _own_devices(settings: Settings) -> Mapping[str, Mapping[str, Any]]:
    return read_wanted(settings).get("devices", {})


def make(chosen: Chosen, client: "Client") -> Plugins:
    """Make them. Raises Invalid `plugin_settings_wrong` where a key file cannot be read, or an address not called;
    `printer_twice`.
    """
    made = {
        kind: {name: _made(kind, name, plug, values, client) for name, (plug, values) in plugs.items()}
        for kind, plugs in chosen.plugs.items()
    }
    messengers = made.get("messengers", {})
    gateways = made.get("payments", {})
    return Plugins(
        gateways,
        made.get("carriers", {}),
        {kind: messengers[name] for kind, name in chosen.serving.items()},
        payers(gateways, chosen.controls, client),
        _by_till(made.get("devices", {}).values()),
    )


def printers_of(settings: Settings, *, demo: bool) -> dict[str, Printers]:
    """The receipt printers alone, by till. Raises those of `choose` and `make`."""
    chosen = choose(settings, demo=demo, wanted={"devices": _own_devices(settings)}).plugs["devices"]
    return _by_till(_made("devices", name, plug, values, None) for name, (plug, values) in chosen.items())


def _by_till(devices: Iterable[Printers]) -> dict[str, Printers]:
    found: dict[str, Printers] = {}
    for printers in devices:
        for till in printers.tills:
            if till in found:
                raise Invalid("printer_twice", till=till)
            found[till] = printers
    return found


async def checked(chosen: Chosen, *, now: datetime, demo: bool) -> dict[str, Sequence[Finding]]:
    """What each plugin's check finds, side by side; a check that fails by itself is a finding too."""
    from topup.platform.http import Client  # noqa: PLC0415 - slow to load, and most commands call nobody

    to_check = [(name, plug, values) for plugs in chosen.plugs.values() for name, (plug, values) in plugs.items()]

    async def check(plug: Plug, values: Any, client: "Client") -> Sequence[Finding]:
        if plug.check is None:
            return ()
        try:
            return await plug.check(values, client, now)
        except Exception as error:  # noqa: BLE001 - one plugin's defect must not hide the others'
            return (Finding("check", Health.UNKNOWN, "check_failed", {"error": type(error).__name__}),)

    async with aclosing(Client(development=demo)) as client:
        found = await asyncio.gather(*(check(plug, values, client) for _, plug, values in to_check))
    return {name: findings for (name, _, _), findings in zip(to_check, found, strict=True) if findings}


def _its_own(kind: str, values: Mapping[str, Any]) -> Mapping[str, Any]:
    return {key: value for key, value in values.items() if kind != "messengers" or key != _SERVES}


def _serving(plugs: Mapping[str, Plug], wishes: Mapping[str, Any]) -> dict[AddressKind, str]:
    """Which messenger sends to each kind of address. Raises Invalid `messenger_unable`, `one_messenger`."""
    serving: dict[AddressKind, str] = {}
    for name, plug in plugs.items():
        able = sorted(AddressKind(kind) for kind in plug.capabilities)
        said = wishes[name] if wishes[name] is not None else able
        if not isinstance(said, list) or not said or not set(said) <= set(able):
            raise Invalid("messenger_unable", name=name, able=[str(kind) for kind in able])
        for kind in map(AddressKind, said):
            if kind in serving:
                raise Invalid("one_messenger", names=sorted([name, serving[kind]]), kind=kind.value)
            serving[kind] = name
    return serving


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
    return plug, _read(kind, name, plug.settings, values)


def _read(kind: str, name: str, model: type[BaseModel], values: Mapping[str, Any]) -> BaseModel:
    try:
        return model(**values)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "?"
        raise Invalid("plugin_settings_wrong", name=name, kind=kind, place=place, who=None, **rule_of(first)) from None


def _made(kind: str, name: str, plug: Plug, values: Any, client: "Client | None") -> Any:
    try:
        return plug.make(values, client)
    except (OSError, ValueError) as error:
        raise Invalid("plugin_settings_wrong", name=name, kind=kind, reason=str(error)) from error


def _wrong(path: Path, reason: str) -> Invalid:
    return Invalid("plugins_file_wrong", path=str(path), reason=reason)
