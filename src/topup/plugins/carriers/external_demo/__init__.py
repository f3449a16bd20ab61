"""The simulated carrier of another country, spoken to as a real aggregator would be.

Calls are JSON under an HMAC; each delivery has our number, and a number the carrier knows is asked about, not resent.
docs/guides/simulators.md has the wire and which ending of a number does what.
"""

import json
from pathlib import Path

from topup.fulfilment.ports import CarrierCapability
from topup.platform.plugs import Plug
from topup.plugins.carriers.external_demo.carrier import ExternalDemo
from topup.plugins.carriers.external_demo.vectors import KEY, SECRET, VECTORS
from topup.plugins.carriers.external_demo.wire import ExternalDemoSettings

__all__ = ["PLUG", "ExternalDemo", "ExternalDemoSettings"]


def _example(directory: Path, base_url: str) -> ExternalDemoSettings:
    secret_file = directory / "carrier.secret.json"
    secret_file.touch(mode=0o600)
    secret_file.write_text(json.dumps({"key": KEY, "secret": SECRET}))
    return ExternalDemoSettings(base_url=base_url, secret_file=secret_file, timeout_s=2.0)


PLUG = Plug(
    name=ExternalDemo.name,
    settings=ExternalDemoSettings,
    capabilities=frozenset(CarrierCapability),
    make=ExternalDemo,
    vectors=VECTORS,
    simulator=True,
    example=_example,
)
