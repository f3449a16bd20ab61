"""What a command loads is most of what it takes: who only looks must not load what calls the outside world."""

import subprocess
import sys

import pytest

LOADED = "import sys; print('|'.join(name for name, module in sys.modules.items() if module is not None))"
LOOKING = "import topup.bootstrap.visiting, topup.channels.cli.looking, topup.channels.cli.running"
STARTING_AGAIN = "import topup.bootstrap.serving, topup.bootstrap.application, topup.bootstrap.demonstration"
COMMAND = """
import sys; sys.argv = ['topup', '--version']
from topup.__main__ import main
try:
    main()
except SystemExit:
    import httpx
    assert httpx.AsyncClient
"""


def loaded_by(code: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", f"{code}\n{LOADED}"], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split("|"))


@pytest.mark.parametrize("heavy", ["httpx", "litestar", "uvicorn", "jinja2", "topup.catalogue.checking", "alembic"])
def test_looking_at_a_balance_loads_nothing_of_the_servers(heavy: str) -> None:
    assert heavy not in loaded_by(LOOKING)


@pytest.mark.parametrize("seldom", ["topup.catalogue.checking", "alembic", "sqlalchemy"])
def test_a_second_start_does_not_load_what_made_the_first(seldom: str) -> None:
    assert seldom not in loaded_by(STARTING_AGAIN)


def test_httpx_comes_without_its_command_line() -> None:
    loaded = loaded_by(COMMAND)
    assert "httpx" in loaded
    assert not loaded & {"httpx._main", "click", "pygments"}


@pytest.mark.parametrize(("kind", "other"), [("gateway", "carrier"), ("carrier", "gateway")])
def test_a_simulator_does_not_load_the_other(kind: str, other: str) -> None:
    loaded = loaded_by(f"import topup_simulators.__main__, topup_simulators.{kind}.simulator")
    assert f"topup_simulators.{kind}.simulator" in loaded
    assert f"topup_simulators.{other}.simulator" not in loaded
