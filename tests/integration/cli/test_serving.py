"""A server process: it starts, says where it is, stops, and whatever kills it leaves nothing in the way of the next."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.commands import START_S, STOP_S, Server, begin, environment, serving, topup

pytestmark = [pytest.mark.xdist_group("serving"), pytest.mark.timeout(600)]


def children_of(data_dir: Path) -> list[int]:
    """Processes whose command line names this data directory, beside those that were asked for."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                words = entry.joinpath("cmdline").read_bytes()
            except OSError:
                continue
            if str(data_dir).encode() in words:
                found.append(int(entry.name))
    return found


def wait_until_gone(data_dir: Path) -> list[int]:
    until = time.monotonic() + STOP_S
    while (left := children_of(data_dir)) and time.monotonic() < until:
        time.sleep(0.05)
    return left


def eventually(holds: Callable[[], bool]) -> bool:
    until = time.monotonic() + START_S
    while not (found := holds()) and time.monotonic() < until:
        time.sleep(0.05)
    return found


def get(address: str) -> tuple[int, bytes]:
    with urllib.request.urlopen(address, timeout=30) as answer:  # noqa: S310 - our own server
        return answer.status, answer.read()


def assert_one_sentence(text: str) -> None:
    assert "Traceback" not in text
    assert 1 <= len(text.strip().splitlines()) <= 2


def test_a_demonstration_starts_serves_stops_and_starts_again(data_dir: Path) -> None:
    with serving(data_dir, TOPUP_DEMO_HISTORY="1") as server:
        cold_s = server.start_s
        assert get(f"{server.address}/health/ready")[0] == 200
        assert get(server.address)[0] == 200
        number = json.loads(get(f"{server.address}/api/v1/numbers/13800138000")[1])
        assert number["carrier"]["id"] == "qingfeng"
        welcome = "".join(server.log)
        assert "curl" in welcome
        assert "recharge 13800138000 50 --pay sandbox" in welcome
        assert "sign in as 138 0013 8001; the code arrives at http://127.0.0.1:" in welcome.replace("\n", " ")
        with urllib.request.urlopen(f"{server.address}/account/sign-in", data=b"number=13800138001") as page:  # noqa: S310 - our own
            assert b'href="/sandbox/mailbox"' in page.read(), "the code's page says where it can be read"
        assert eventually(lambda: "DATA" in topup(data_dir, "balance", "13800138001", "--json").out)
        began = time.perf_counter()
        assert server.stop(signal.SIGTERM) == 0
        stop_s = time.perf_counter() - began
        assert "Traceback" not in "".join(server.log)
    assert wait_until_gone(data_dir) == []
    with serving(data_dir) as server:
        warm_s = server.start_s
        assert server.stop(signal.SIGINT) == 0
        assert "Traceback" not in "".join(server.log)
    assert wait_until_gone(data_dir) == []
    print(f"start_s cold={cold_s:.1f} warm={warm_s:.1f} stop_s={stop_s:.1f}")


def test_kill_9_leaves_no_orphan_and_does_not_block_the_next_start(data_dir: Path) -> None:
    with serving(data_dir) as server:
        first = server.address
        server.process.kill()
    # The simulators end with their parent; the database waits for the next one to join.
    until = time.monotonic() + STOP_S
    while [pid for pid in children_of(data_dir) if b"topup_simulators" in _words(pid)] and time.monotonic() < until:
        time.sleep(0.05)
    assert [pid for pid in children_of(data_dir) if b"topup_simulators" in _words(pid)] == []
    with serving(data_dir) as server:
        print(f"start_after_kill_s={server.start_s:.1f}")
        assert server.address != first
        assert get(f"{server.address}/health/ready")[0] == 200
        assert server.stop() == 0
    assert wait_until_gone(data_dir) == []


def _words(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_a_port_in_use_is_one_sentence_before_anything_is_begun(data_dir: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = topup(data_dir, "serve", "--demo", "--port", str(port))
    assert done.code == 4
    assert f"Port {port} is in use" in done.err
    assert_one_sentence(done.err)
    assert not data_dir.exists()


def test_a_second_server_on_the_same_data_hears_who_is_there_and_may_use_another_port(data_dir: Path) -> None:
    with serving(data_dir) as server:
        port = server.address.rpartition(":")[2]
        done = topup(data_dir, "serve", "--demo", "--port", port)
        assert done.code == 4
        assert f"runs already with this data: {server.address}, process {server.process.pid}." in done.err
        assert f"kill {server.process.pid}" in done.err
        assert f"--port {int(port) + 1}" in done.err
        assert_one_sentence(done.err)
        with serving(data_dir) as second:
            assert get(f"{second.address}/health/ready")[0] == 200
            assert f"served at {server.address} too (process {server.process.pid})" in rest_of(second)
            second.process.kill()
            second.process.wait(STOP_S)
        with serving(data_dir) as third:
            said = rest_of(third)
            assert f"served at {server.address} too" in said
            assert second.address not in said, "one that was killed is not there any more"
            assert third.stop() == 0
        assert server.stop() == 0
    assert list(data_dir.joinpath("servers").iterdir()) == []


def rest_of(server: Server) -> str:
    """What follows the welcome: the line about another server."""
    assert server.process.stdout is not None
    server.log += [server.process.stdout.readline(), server.process.stdout.readline()]
    return "".join(server.log)


def test_a_second_ctrl_c_ends_quietly_what_the_first_waits_for(data_dir: Path) -> None:
    with serving(data_dir) as server:
        port = int(server.address.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as unfinished:
            unfinished.sendall(b"POST /quotes HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n")
            assert get(server.address)[0] == 200
            server.process.send_signal(signal.SIGINT)
            wait_until_closed(port)
            assert server.stop(signal.SIGINT) == 0
        assert "Traceback" not in "".join(server.log)


def wait_until_closed(port: int) -> None:
    """It listens no more: the first signal has been heard."""
    until = time.monotonic() + STOP_S
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            return
        except ConnectionResetError:
            # It had come, and nobody took it before the listening ended.
            continue
    raise AssertionError("it still listens")


@pytest.mark.parametrize("words", [("serve", "--demo", "--port", "0"), ("doctor",), ("doctor", "--json")])
def test_whoever_reads_us_may_go_away(data_dir: Path, words: tuple[str, ...]) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "topup", *words],
        env=environment(data_dir),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.close()
    said = process.stderr.read()
    process.stderr.close()
    assert (process.wait(START_S), said) == (128 + signal.SIGPIPE, b"")


def test_a_broken_database_is_one_sentence_and_stays_untouched(data_dir: Path) -> None:
    with serving(data_dir) as server:
        assert server.stop() == 0
    version = next(data_dir.resolve().joinpath("database").resolve().glob("**/cluster/PG_VERSION"))
    version.write_text("nonsense")
    done = topup(data_dir, "serve", "--demo", "--port", "0")
    assert done.code == 4
    assert_one_sentence(done.err)
    assert version.read_text() == "nonsense"


def test_a_demonstration_listens_to_this_machine_only(data_dir: Path) -> None:
    done = topup(data_dir, "serve", "--demo", "--port", "0", TOPUP_HOST="0.0.0.0")  # noqa: S104 - refused
    assert done.code == 1
    assert "this machine only" in done.err
    assert not data_dir.exists()


def test_nothing_is_served_where_nothing_is_installed(data_dir: Path) -> None:
    done = topup(data_dir, "serve", "--port", "0")
    assert done.code == 4
    assert "topup serve --demo" in done.err
    assert_one_sentence(done.err)


def test_production_and_demonstration_never_share_a_database(data_dir: Path) -> None:
    assert topup(data_dir, "db", "upgrade").code == 0
    demo = topup(data_dir, "serve", "--demo", "--port", "0")
    assert demo.code == 1
    assert_one_sentence(demo.err)
    data_dir.joinpath("plugins.toml").write_text(
        '[payments.sandbox]\nbase_url = "http://127.0.0.1:1"\nmerchant_id = "demo"\n'
        'private_key_file = "a"\ngateway_public_key_file = "b"\n'
    )
    simulator = topup(data_dir, "serve", "--port", "0")
    assert simulator.code == 1
    assert "simulator" in simulator.err
    assert_one_sentence(simulator.err)
    data_dir.joinpath("plugins.toml").unlink()
    data_dir.joinpath("keys").rename(data_dir.joinpath("elsewhere"))
    keys = topup(data_dir, "serve", "--port", "0")
    assert keys.code == 4
    assert "Restore the keys" in keys.err
    assert not data_dir.joinpath("keys").exists()


def test_lost_and_damaged_keys_are_named_and_nothing_is_made_in_their_place(data_dir: Path) -> None:
    with serving(data_dir) as server:
        assert topup(data_dir, "recharge", "13800138000", "50", "--pay", "sandbox", "--yes").code == 0
        assert json.loads(get(f"{server.address}/health/ready")[1])["checks"]["keys"] == "ok"
        assert server.stop() == 0
    folder = data_dir / "keys" / "receipts"
    kid = folder.joinpath("current").read_text()
    public, private = folder / f"{kid}.public", folder / f"{kid}.private"
    kept = {file: file.read_bytes() for file in (public, private)}
    assert topup(data_dir, "keys", "rotate", "receipts").code == 0

    public.unlink()
    lost = topup(data_dir, "serve", "--demo", "--port", "0")
    assert lost.code == 4
    assert_one_sentence(lost.err)
    assert f"missing: {public}" in lost.err
    assert "Restore the keys from a backup" in lost.err
    findings = json.loads(topup(data_dir, "doctor", "--json").out)["findings"]
    assert [item["level"] for item in findings if item["check"] == "keys"] == ["broken"]

    private.write_bytes(kept[private])
    told = topup(data_dir, "doctor")
    assert "topup keys restore" in told.out
    assert "not checked, because of: Keys" in told.out
    skipped = {item["check"] for item in json.loads(topup(data_dir, "doctor", "--json").out)["findings"]
               if item["level"] == "skipped"}  # fmt: skip
    assert skipped == {"database", "clock", "catalogue", "messages", "work", "plugins"}
    restored = topup(data_dir, "keys", "restore")
    assert (restored.code, f"{public} is there again" in restored.out) == (0, True)
    assert public.read_bytes() == kept[public]
    assert "nothing was changed" in topup(data_dir, "keys", "restore").out
    private.unlink()

    public.write_bytes(kept[public][:-1])
    damaged = topup(data_dir, "serve", "--demo", "--port", "0")
    assert damaged.code == 4
    assert f"damaged: {public}" in damaged.err

    public.write_bytes(kept[public])
    findings = json.loads(topup(data_dir, "doctor", "--json").out)["findings"]
    assert [item["level"] for item in findings if item["check"] == "keys"] == ["ok"]
    with serving(data_dir) as server:
        folder.joinpath("current").unlink()
        with pytest.raises(urllib.error.HTTPError) as caught:
            get(f"{server.address}/health/ready")
        assert b"keys: keys_missing" in caught.value.read()
        assert server.stop() == 0
    assert not folder.joinpath("current").exists()


def test_a_stop_during_the_start_is_a_clean_one(data_dir: Path) -> None:
    process = begin(data_dir, "serve", "--demo", "--port", "0")
    lock = data_dir / "simulators" / "lock"
    until = time.monotonic() + 60
    while not lock.exists() and time.monotonic() < until:
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert "Traceback" not in said
    assert wait_until_gone(data_dir) == []


def test_web_and_worker_share_the_work_of_a_demonstration(data_dir: Path) -> None:
    with serving(data_dir) as server:
        worker = begin(data_dir, "worker", TOPUP_DEMO="1", TOPUP_LOG_LEVEL="info")
        try:
            line = ""
            while worker.stdout and "working" not in line:
                line = worker.stdout.readline()
                assert line, "the worker ended"
            done = topup(data_dir, "recharge", "13800138005", "20", "--pay", "sandbox", "--yes")
            assert (done.code, done.err) == (0, "")
        finally:
            worker.send_signal(signal.SIGTERM)
            said = worker.communicate(timeout=60)[0]
        assert worker.returncode == 0, said
        assert "Traceback" not in said
        assert server.stop() == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_full_disk_is_one_sentence(data_dir: Path) -> None:
    place = data_dir.parent / "small"
    place.mkdir(mode=0o711)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m,mode=711", "tmpfs", place], check=False)
    if mounted.returncode:
        pytest.skip("this machine does not let us mount")
    try:
        done = topup(place / "data", "serve", "--demo", "--port", "0")
        assert done.code == 4
        assert_one_sentence(done.err)
        assert "disk" in done.err
    finally:
        subprocess.run(["umount", place], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a disk")
def test_a_disk_that_may_only_be_read_is_named_with_its_reason(data_dir: Path) -> None:
    place = data_dir.parent / "sealed"
    place.mkdir(mode=0o711)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m,mode=711", "tmpfs", place], check=False)
    if mounted.returncode:
        pytest.skip("this machine does not let us mount")
    try:
        # What an installation has whose disk was sealed later.
        (place / "data" / "database" / "cluster").mkdir(parents=True)
        subprocess.run(["mount", "-o", "remount,ro", place], check=True)
        for words in (("serve", "--demo", "--port", "0"), ("balance", "13800138000"), ("audit",)):
            done = topup(place / "data", *words)
            assert done.code == 4
            assert_one_sentence(done.err)
            assert f"{place / 'data'} cannot be used: Read-only file system" in done.err
        found = json.loads(topup(place / "data", "doctor", "--json").out)["findings"]
        assert {item["check"] for item in found if item["level"] == "broken"} >= {"data_dir", "database"}
    finally:
        subprocess.run(["umount", place], check=True)


def test_a_start_needs_no_terminal_and_no_language(data_dir: Path) -> None:
    bare = {name: value for name, value in environment(data_dir).items() if name in {"PATH", "HOME", "TOPUP_DATA_DIR"}}
    words = [sys.executable, "-m", "topup", "doctor"]
    done = subprocess.run(words, env=bare, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
