"""Where what is installed is reached, as commands tell people: never where nothing listens."""

import multiprocessing
from pathlib import Path

import pytest

from topup.bootstrap.neighbours import reached_at, registered
from topup.platform.settings import Settings

PUBLIC = "https://topup.example"


def _serve(settings, up, down):
    with registered(settings):
        up.set()
        down.wait(30)


@pytest.fixture
def server():
    """Another process that serves, as far as others on its data directory can tell."""
    spawning = multiprocessing.get_context("spawn")
    running = []

    def begin(**settings):
        up, down = spawning.Event(), spawning.Event()
        process = spawning.Process(target=_serve, args=(Settings(**settings), up, down), daemon=True)
        process.start()
        running.append((process, down))
        assert up.wait(30)

    yield begin
    for process, down in running:
        down.set()
        process.join(30)


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch):
    monkeypatch.delenv("TOPUP_PORT", raising=False)
    monkeypatch.delenv("TOPUP_PUBLIC_URL", raising=False)


def test_without_a_server_it_is_where_one_would_listen(tmp_path: Path):
    assert reached_at(Settings(data_dir=tmp_path)) == "http://127.0.0.1:8080"
    assert reached_at(Settings(data_dir=tmp_path, port=9000)) == "http://127.0.0.1:9000"
    assert reached_at(Settings(data_dir=tmp_path / "nowhere", host="::1", port=9)) == "http://[::1]:9"


def test_beside_a_server_it_is_the_servers_whatever_the_command_was_told(tmp_path: Path, server):
    server(data_dir=tmp_path, port=9123)
    assert reached_at(Settings(data_dir=tmp_path)) == "http://127.0.0.1:9123"
    assert reached_at(Settings(data_dir=tmp_path / "other")) == "http://127.0.0.1:8080"


def test_a_public_address_is_told_wherever_it_is_set(tmp_path: Path, server):
    assert reached_at(Settings(data_dir=tmp_path, public_url=f"{PUBLIC}/")) == PUBLIC
    server(data_dir=tmp_path, port=9124, public_url=PUBLIC)
    assert reached_at(Settings(data_dir=tmp_path)) == PUBLIC
    assert reached_at(Settings(data_dir=tmp_path, public_url="https://other.example")) == "https://other.example"


def test_what_a_killed_server_left_is_nobodys_address(tmp_path: Path):
    folder = tmp_path / "servers"
    folder.mkdir()
    (folder / "1.json").write_text('{"pid": 1, "port": 9125, "address": "http://127.0.0.1:9125"}')
    assert reached_at(Settings(data_dir=tmp_path)) == "http://127.0.0.1:8080"
