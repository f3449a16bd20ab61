"""The simulators as processes, and an ear for their events. Name this module in `pytest_plugins` to have the fixtures.

`gateway`, `carrier` and those of real providers, by their names, run once per session; `listener` hears events in the
test's own loop. Delays are a tenth of the documented ones, and hours of resending become seconds.
"""

import asyncio
import json
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.misbehaving import read_request
from topup.fulfilment.ports import Delivery
from topup.kernel.ids import new_id
from topup.kernel.money import Money
from topup.payments.ports import Action, PaymentRequest
from topup.platform.http import Client
from topup.platform.plugs import discover
from topup.plugins.carriers.external_demo import ExternalDemo, ExternalDemoSettings
from topup.plugins.payments.sandbox import Sandbox, SandboxSettings, ensure_merchant_keys

PACE = ("--time-factor", "0.1", "--resend-factor", "0.0001")
_PATIENCE_S = 20.0


@dataclass
class Running:
    """A simulator's process and what its ready line said."""

    process: subprocess.Popen[str]
    ready: dict[str, Any]

    @property
    def url(self) -> str:
        return self.ready["url"]

    async def control(self, path: str, content: object = None, **query: str) -> Any:
        """GET without content, POST with; the decoded answer."""
        async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
            if content is None:
                return (await client.get(f"{self.url}/control/{path}", params=query)).json()
            return (await client.post(f"{self.url}/control/{path}", json=content)).json()

    async def counts(self, subject: str) -> dict[str, tuple[int, int]]:
        """Per kind of call about `subject`: how often it came, how often it had an effect."""
        answer = await self.control("calls", subject=subject)
        return {call["kind"]: (call["received"], call["effected"]) for call in answer["calls"]}

    async def charged(self) -> None:
        """Until no payment is on its way any more: what a payer began is paid, or was given up."""
        await until(
            lambda: self.control("agenda"), lambda told: "charge" not in {one["kind"] for one in told["agenda"]}
        )

    async def pay(self, plugin: Any, request: PaymentRequest, outcome: str = "pay") -> Any:
        """Begin the payment, and do without a browser what a payer does on the pay page: through the controls."""
        begun = await plugin.start(request)
        form = begun.url.partition("?")[2] if isinstance(begun, Action) else ""
        # Where a provider has one address for all events, its simulator sends those of this payment to this one.
        choice = {"outcome": outcome, "form": form, "notify_url": request.notify_url}
        return await self.control(f"payments/{request.payment_id}", choice)

    def stop(self) -> int:
        if self.process.stdin and not self.process.stdin.closed:
            self.process.stdin.close()
        try:
            code = self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()
        return code

    def kill(self) -> None:
        """kill -9, as a power button would."""
        self.process.kill()
        self.process.wait()
        self.stop()


def start_simulator(kind: str, directory: Path, *options: str) -> Running:
    process = subprocess.Popen(
        [sys.executable, "-m", "topup_simulators", kind, "--state-dir", str(directory), *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    line = process.stdout.readline()
    if not line:
        process.stdin.close()
        process.stdout.close()
        raise AssertionError(f"the {kind} did not start: exit code {process.wait()}")
    return Running(process, json.loads(line))


@dataclass
class GatewayRunning(Running):
    settings: SandboxSettings = None


@dataclass
class ProviderRunning(Running):
    """A real provider's simulator: `settings` are those of the provider's plugin, as the ready line gives them."""

    settings: Any = None


@dataclass
class CarrierRunning(Running):
    settings: ExternalDemoSettings = None


def start_gateway(directory: Path, *options: str) -> GatewayRunning:
    directory.mkdir(exist_ok=True)
    ours, public = directory / "merchant.key.pem", directory / "merchant.pub.pem"
    ensure_merchant_keys(private_key_file=ours, public_key_file=public)
    running = start_simulator("gateway", directory / "gateway", "--merchant-public-key", str(public), *PACE, *options)
    settings = SandboxSettings(
        base_url=running.url,
        merchant_id="demo",
        private_key_file=ours,
        gateway_public_key_file=running.ready["public_key_file"],
        timeout_s=10.0,
    )
    return GatewayRunning(running.process, running.ready, settings)


def start_carrier(directory: Path, *options: str) -> CarrierRunning:
    directory.mkdir(exist_ok=True)
    running = start_simulator("carrier", directory / "carrier", *PACE, *options)
    settings = ExternalDemoSettings(base_url=running.url, secret_file=running.ready["secret_file"], timeout_s=10.0)
    return CarrierRunning(running.process, running.ready, settings)


def start_provider(name: str, directory: Path, *options: str) -> ProviderRunning:
    """The simulator of a real provider, which makes the merchant's keys too, as its portal would."""
    running = start_simulator(name, directory / name, *PACE, *options)
    plug = discover("topup.plugins.payments")[name]
    return ProviderRunning(running.process, running.ready, plug.settings(**running.ready["plugin"]))


def _of_provider(name: str):
    @pytest.fixture(scope="session", name=name)
    def provider(tmp_path_factory):
        running = start_provider(name, tmp_path_factory.mktemp(name))
        yield running
        running.stop()

    return provider


alipay = _of_provider("alipay")
wechatpay = _of_provider("wechatpay")
stripe = _of_provider("stripe")


@pytest.fixture(scope="session")
def gateway(tmp_path_factory):
    """The simulated gateway, with `settings` for the plugin `sandbox`."""
    running = start_gateway(tmp_path_factory.mktemp("gateway"))
    yield running
    running.stop()


@pytest.fixture(scope="session")
def carrier(tmp_path_factory):
    """The simulated carrier, with `settings` for the plugin `external_demo`."""
    running = start_carrier(tmp_path_factory.mktemp("carrier"))
    yield running
    running.stop()


@pytest.fixture
async def http_client():
    """A client of development mode."""
    client = Client(development=True)
    yield client
    await client.aclose()


@pytest.fixture
def sandbox(gateway, http_client):
    """The plugin `sandbox`, made for the running gateway."""
    return Sandbox(gateway.settings, http_client)


@pytest.fixture
def external_demo(carrier, http_client):
    """The plugin `external_demo`, made for the running carrier."""
    return ExternalDemo(carrier.settings, http_client)


@pytest.fixture
def impatient_demo(carrier, http_client):
    """The same with half a second of patience, for endings that never answer."""
    return ExternalDemo(carrier.settings.model_copy(update={"timeout_s": 0.5}), http_client)


@dataclass
class Listener:
    """Hears POSTs; `answers` are given one after another, the last one for ever."""

    url: str = ""
    answers: list[tuple[int, bytes]] = field(default_factory=lambda: [(200, b"success")])
    heard: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    _more: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def hear(self, number: int) -> list[tuple[dict[str, str], bytes]]:
        """The first `number` events; fails when they do not come."""
        async with asyncio.timeout(_PATIENCE_S), self._more:
            await self._more.wait_for(lambda: len(self.heard) >= number)
        return self.heard[:number]

    async def types(self, number: int) -> list[str]:
        return [json.loads(body)["type"] for _, body in await self.hear(number)]

    async def serve(self, reader, writer) -> None:
        try:
            while True:
                head, _, body = (await read_request(reader)).partition(b"\r\n\r\n")
                lines = [line.split(": ", 1) for line in head.decode().split("\r\n")[1:]]
                status, text = self.answers[min(len(self.heard), len(self.answers) - 1)]
                writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: {len(text)}\r\n\r\n".encode() + text)
                await writer.drain()
                async with self._more:
                    self.heard.append(({name.lower(): value for name, value in lines}, body))
                    self._more.notify_all()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            writer.close()


@pytest.fixture
async def listener():
    """An address that hears events, and remembers them."""
    ear = Listener()
    server = await asyncio.start_server(ear.serve, "127.0.0.1", 0)
    ear.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/events"
    yield ear
    server.close()


def a_payment(*, amount_minor: int = 5000, notify_url: str = "http://127.0.0.1:9/nobody", **changes) -> PaymentRequest:
    """A payment request with a new id."""
    facts = {
        "payment_id": new_id("payment", 1),
        "amount": Money(amount_minor, "CNY"),
        "description": "话费充值 138 0013 8000",
        "return_url": "http://127.0.0.1:8080/orders/1?paid=1&from=gateway",
        "notify_url": notify_url,
        "expires_at": datetime.now(UTC) + timedelta(minutes=15),
        "locale": "zh_Hans",
        "payer_address": "127.0.0.1",
    }
    return PaymentRequest(**{**facts, **changes})


def a_delivery(ending: int = 1, *, notify_url: str = "http://127.0.0.1:9/nobody", **changes) -> Delivery:
    """A delivery with a new id, to a number with these last two digits."""
    facts = {
        "fulfilment_id": new_id("fulfilment", 1),
        "msisdn": f"+65812345{ending:02}",
        "amount": Money(1000, "SGD"),
        "product": "credit",
        "notify_url": notify_url,
    }
    return Delivery(**{**facts, **changes})


async def until(question, wanted, *, patience_s: float = _PATIENCE_S):
    """Ask until the answer is as wanted: polling is what a caller of these interfaces does."""
    async with asyncio.timeout(patience_s):
        while not wanted(answer := await question()):  # noqa: ASYNC110 - the answer is in another process
            await asyncio.sleep(0.02)
    return answer
