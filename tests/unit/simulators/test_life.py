"""A simulator's process: says when it is ready, keeps what it said through a kill -9, and never becomes an orphan."""

import json
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.simulators import a_delivery, a_payment, start_carrier, start_gateway, until
from topup.kernel.outcome import Done
from topup.plugins.carriers.external_demo import ExternalDemo
from topup.plugins.payments.sandbox import Sandbox, ensure_merchant_keys
from topup_simulators.carrier.endings import Ending
from topup_simulators.payments.magic import Magic

GUIDE = Path(__file__).parents[3] / "docs/guides/simulators.md"


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("start", [start_gateway, start_carrier])
def test_the_ready_line_says_all_one_needs_and_only_loopback_is_listened_on(tmp_path, start):
    running = start(tmp_path)
    ready = running.ready
    assert ready["ready"] is True
    assert ready["url"] == f"http://127.0.0.1:{ready['port']}"
    named = Path(ready.get("public_key_file") or ready["secret_file"])
    assert named.is_absolute()
    assert named.exists()
    listening = [line.split() for line in Path(f"/proc/{running.process.pid}/net/tcp").read_text().splitlines()[1:]]
    addresses = {line[1].split(":")[0] for line in listening if line[1].endswith(f":{ready['port']:04X}")}
    assert addresses == {"0100007F"}
    assert running.stop() == 0


@pytest.mark.parametrize("start", [start_gateway, start_carrier])
def test_it_ends_when_its_standard_input_closes_and_on_sigterm(tmp_path, start):
    running = start(tmp_path)
    running.process.stdin.close()
    assert running.process.wait(10) == 0
    running.stop()
    running = start(tmp_path)
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(10) == 0
    running.stop()


@pytest.mark.chaos
async def test_a_parent_killed_with_9_leaves_no_orphan(tmp_path):
    """Even where standard input stays open: the test holds its other end."""
    ensure_merchant_keys(private_key_file=tmp_path / "k", public_key_file=tmp_path / "p")
    command = ["gateway", "--state-dir", str(tmp_path / "g"), "--merchant-public-key", str(tmp_path / "p")]
    program = (
        "import subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, '-m', 'topup_simulators', *{command!r}], stdin=0)\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    parent = subprocess.Popen(  # noqa: ASYNC220 - it is started before anything else runs in the loop
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    child = int(parent.stdout.readline())
    assert json.loads(parent.stdout.readline())["ready"] is True
    assert alive(child)
    parent.kill()
    parent.wait()

    async def child_alive():
        return alive(child)

    await until(child_alive, lambda answer: not answer)
    parent.stdin.close()
    parent.stdout.close()


@pytest.mark.chaos
async def test_payments_keys_and_unsent_events_survive_a_kill_9(tmp_path, http_client, listener):
    gateway = start_gateway(tmp_path)
    await gateway.control("notifications", {"paused": True})
    request = a_payment(notify_url=listener.url)
    under_way = a_payment(amount_minor=5000 + Magic.PAID_LATER, notify_url=listener.url)
    sandbox = Sandbox(gateway.settings, http_client)
    await sandbox.sandbox_outcome(request, "pay")
    await sandbox.sandbox_outcome(under_way, "pay")
    before = await sandbox.query(request.payment_id)
    gateway.kill()
    again = start_gateway(tmp_path)
    sandbox = Sandbox(again.settings, http_client)
    events = [sandbox.parse_event(headers, body, None) for headers, body in await listener.hear(2)]
    assert {event.facts[0].payment_id for event in events} == {request.payment_id, under_way.payment_id}
    assert await sandbox.query(request.payment_id) == before
    again.stop()


@pytest.mark.chaos
async def test_deliveries_and_the_secret_survive_a_kill_9(tmp_path, http_client):
    carrier = start_carrier(tmp_path, "--time-factor", "1")
    asked = a_delivery(Ending.ASK_ME)
    await ExternalDemo(carrier.settings, http_client).submit(asked)
    carrier.kill()
    again = start_carrier(tmp_path, "--time-factor", "1")
    plugin = ExternalDemo(again.settings, http_client)
    assert isinstance(await until(lambda: plugin.query(asked.fulfilment_id), lambda o: isinstance(o, Done)), Done)
    assert again.settings.secret_file == carrier.settings.secret_file
    again.stop()


def test_private_keys_are_for_their_owner_only(tmp_path):
    gateway, carrier = start_gateway(tmp_path / "a"), start_carrier(tmp_path / "b")
    for secret in (
        tmp_path / "a/merchant.key.pem",
        tmp_path / "a/gateway/gateway.key.pem",
        tmp_path / "b/carrier/carrier.secret.json",
    ):
        assert secret.stat().st_mode & 0o077 == 0, secret.name
    gateway.stop()
    carrier.stop()


def run(*words):
    return subprocess.run(
        [sys.executable, "-m", "topup_simulators", *words], capture_output=True, text=True, timeout=60, check=False
    )


def test_a_used_port_a_missing_key_and_bad_words_get_a_sentence(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        used = run("carrier", "--state-dir", str(tmp_path / "c"), "--port", port)
    assert (used.returncode, used.stdout) == (3, "")
    assert re.fullmatch(rf"port {port} cannot be used: .+\n", used.stderr)
    missing = run("gateway", "--state-dir", str(tmp_path / "g"), "--merchant-public-key", str(tmp_path / "none.pem"))
    assert missing.returncode == 1
    assert missing.stderr.startswith("the merchant's public key cannot be read from")
    assert "Traceback" not in used.stderr + missing.stderr
    assert run("gateway", "--state-dir", str(tmp_path), "--time-factor", "-1").returncode == 2


def test_two_makers_of_the_merchants_key_end_with_one_key(tmp_path):
    program = (
        "import sys, pathlib\n"
        "from topup.plugins.payments.sandbox import ensure_merchant_keys\n"
        "home = pathlib.Path(sys.argv[1])\n"
        "sys.stdin.readline()\n"
        "ensure_merchant_keys(private_key_file=home / 'k', public_key_file=home / f'p{sys.argv[2]}')\n"
    )
    makers = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path), str(i)], stdin=subprocess.PIPE, text=True)
        for i in range(4)
    ]
    for maker in makers:
        maker.stdin.write("\n")
        maker.stdin.flush()
    for maker in makers:
        assert maker.wait(60) == 0
        maker.stdin.close()
    assert len({(tmp_path / f"p{i}").read_bytes() for i in range(4)}) == 1
    assert sorted(file.name for file in tmp_path.iterdir()) == ["k", "p0", "p1", "p2", "p3"]


def test_neither_package_loads_the_other():
    program = "import sys, {0}\nassert not [m for m in sys.modules if m == '{1}' or m.startswith('{1}.')]"
    for ours, other in (
        ("topup_simulators.__main__", "topup"),
        ("topup.plugins.payments.sandbox, topup.plugins.carriers.external_demo", "topup_simulators"),
    ):
        subprocess.run([sys.executable, "-c", program.format(ours, other)], check=True, timeout=60)


@pytest.mark.parametrize("table", [Magic, Ending])
def test_the_guide_names_every_misbehaviour(table):
    rows = re.findall(r"^\| (?:xx\.|…)(\d\d) \| `(\w+)` \|", GUIDE.read_text("utf-8"), re.MULTILINE)
    named = {(int(digits), name) for digits, name in rows}
    assert {(entry.value, entry.name.lower()) for entry in table} <= named
