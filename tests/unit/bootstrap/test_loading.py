"""What a command loads is most of what it takes: who only looks must not load what calls the outside world."""

import subprocess
import sys
from functools import cache

import pytest

pytestmark = pytest.mark.xdist_group("loading")
LOADED = "import sys; print('|'.join(name for name, module in sys.modules.items() if module is not None))"
LOOKING = "import topup.bootstrap.visiting, topup.channels.cli.looking, topup.channels.cli.running"
HEARING = "import topup.bootstrap.hearing, topup.bootstrap.listening"
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


@cache
def loaded_by(code: str) -> frozenset[str]:
    done = subprocess.run([sys.executable, "-c", f"{code}\n{LOADED}"], capture_output=True, text=True, check=True)
    return frozenset(done.stdout.splitlines()[-1].split("|"))


@pytest.mark.parametrize("heavy", ["httpx", "litestar", "uvicorn", "jinja2", "topup.catalogue.form", "alembic"])
def test_looking_at_a_balance_loads_nothing_of_the_servers(heavy: str) -> None:
    assert heavy not in loaded_by(LOOKING)


@pytest.mark.parametrize(
    "shown", ["jinja2", "topup.bootstrap.application", "topup.channels.web", "topup.channels.console"]
)
def test_a_command_that_takes_in_events_loads_no_pages(shown: str) -> None:
    assert shown not in loaded_by(HEARING)


@pytest.mark.parametrize("seldom", ["topup.catalogue.form", "alembic", "sqlalchemy"])
def test_a_second_start_does_not_load_what_made_the_first(seldom: str) -> None:
    assert seldom not in loaded_by(STARTING_AGAIN)


def test_httpx_comes_without_its_command_line() -> None:
    loaded = loaded_by(COMMAND)
    assert "httpx" in loaded
    assert not loaded & {"httpx._main", "click", "pygments"}


@pytest.mark.parametrize(("kind", "other"), [("gateway", "carrier"), ("carrier", "gateway"), ("alipay", "gateway")])
def test_a_simulator_does_not_load_the_other(kind: str, other: str) -> None:
    loaded = loaded_by(f"import topup_simulators.__main__, topup_simulators.{kind}.simulator")
    assert f"topup_simulators.{kind}.simulator" in loaded
    assert f"topup_simulators.{other}.simulator" not in loaded
