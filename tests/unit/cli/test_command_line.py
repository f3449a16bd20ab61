"""The command line itself: its words, its exit codes, how quick it is."""

import json
import re
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import pytest
import typer

from tests.support.commands import topup
from topup.bootstrap.store import PURPOSES
from topup.channels.cli import speech
from topup.channels.cli.app import PurposeName, RoleName, create_app
from topup.channels.cli.exits import Exit, exit_of
from topup.channels.cli.screen import print_json
from topup.channels.cli.staff_commands import StaffRoleName
from topup.kernel import errors
from topup.kernel.errors import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    Problem,
    Throttled,
    Unauthenticated,
    Unavailable,
)
from topup.people.permissions import STAFF_ROLES, Role
from topup.platform.i18n import LOCALES, catalogue

COMMANDS = (
    "serve", "web", "worker", "recharge", "balance", "order", "audit", "doctor", "share", "adjust",
    "lines import", "usage import", "usage show", "usage events", "usage rejects", "catalogue check", "catalogue load",
    "catalogue explain", "catalogue draft", "catalogue drafts", "catalogue diff", "catalogue schedule",
    "catalogue call-off", "offers explain", "keys create", "keys revoke", "keys rotate", "db upgrade",
)  # fmt: skip
GUIDE = Path(__file__).parents[3] / "docs" / "guides" / "cli.md"
BLUNT = ("alembic", "litestar", "psycopg", "sqlalchemy", "cryptography", "structlog", "pydantic", "phonenumbers.data")


ASKED = re.compile(r"""\b(?:say|_good|_bad)\((?:"[a-z_]+", (?:Level\.[A-Z]+, )?)?"([a-z_.]+)\"""")


@pytest.fixture
def language(monkeypatch: pytest.MonkeyPatch):
    for name in ("TOPUP_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    speech.locale.cache_clear()
    yield monkeypatch
    speech.locale.cache_clear()


def test_every_command_explains_itself(tmp_path: Path) -> None:
    script = (
        "import sys; from topup.channels.cli.app import create_app\n"
        "from typer.testing import CliRunner\n"
        "for words in sys.argv[1:]:\n"
        "    done = CliRunner().invoke(create_app(None), [*words.split(), '--help'])\n"
        "    assert done.exit_code == 0, (words, done.output); print(len(done.output))\n"
    )
    done = subprocess.run([sys.executable, "-c", script, *COMMANDS], capture_output=True, text=True, check=True)
    assert len(done.stdout.split()) == len(COMMANDS)


def named_by_the_guide(alone: set[str]) -> set[str]:
    """Every command of the guide's table; `topup catalogue check FILE`, `load FILE` are two of one group. `alone`: the
    commands and groups of the first rank.
    """
    named: set[str] = set()
    for row in re.findall(r"^\| (`topup [a-z].*?) \| ", GUIDE.read_text(), re.MULTILINE):
        group = ""
        for whole, span in re.findall(r"`(topup )?([^`]+)`", row):
            words = [word for word in span.replace(r"\|", " ").split() if re.fullmatch(r"[a-z][a-z-]*", word)]
            if whole or (len(words) > 1 and words[0] in alone):
                group = words.pop(0)
            named |= {f"{group} {word}" for word in words} or {group}
    return named


def test_every_command_of_the_guide_is_there() -> None:
    app = typer.main.get_command(create_app(None))
    alone = set(app.commands)
    there = alone | {f"{name} {one}" for name, group in app.commands.items() for one in getattr(group, "commands", ())}
    named = named_by_the_guide(alone)
    assert {"worker", "catalogue load", "stock move", "automatic stop"} <= named
    assert named - there == set()


def test_help_loads_nothing_that_is_slow() -> None:
    script = (
        "import sys; sys.argv = ['topup', '--help']\n"
        "from topup.__main__ import main\n"
        "try: main()\n"
        "except SystemExit as end: assert end.code == 0\n"
        "print('|'.join(sys.modules), file=sys.stderr)"
    )
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    print(f"help_s={time.perf_counter() - began:.2f}")
    loaded = set(done.stderr.split("|"))
    assert [name for name in BLUNT if name in loaded] == []


@pytest.mark.parametrize(
    ("variables", "spoken"),
    [
        ({}, "en"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh_Hans"),
        ({"LANG": "zh_TW.UTF-8"}, "zh_Hant"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LANG": "en_GB.UTF-8", "LC_ALL": "zh_HK"}, "zh_Hant"),
        ({"LANG": "en_GB.UTF-8", "TOPUP_LANG": "zh"}, "zh_Hans"),
    ],
)
def test_the_terminals_language_is_spoken(language, variables: dict[str, str], spoken: str) -> None:
    for name, value in variables.items():
        language.setenv(name, value)
    assert speech.locale() == spoken


def test_every_kind_of_problem_has_an_exit_code() -> None:
    kinds = {Invalid: 1, NotFound: 1, Conflict: 1, Forbidden: 1, Unauthenticated: 1, Throttled: 4, Unavailable: 4}
    assert set(kinds) == {kind for kind in vars(errors).values() if _is_kind(kind)}
    for kind, code in kinds.items():
        assert exit_of(kind("some_code")) is Exit(code)


def _is_kind(thing: object) -> bool:
    return isinstance(thing, type) and issubclass(thing, Problem) and thing is not Problem


def test_a_problem_is_said_with_what_to_do(language) -> None:
    assert speech.say_problem(Unavailable("port_taken", port=8080)) == (
        "Port 8080 is in use.",
        "topup may be running already; otherwise choose another port with --port or TOPUP_PORT.",
    )


def test_a_problem_nobody_wrote_words_for_still_has_a_sentence(language) -> None:
    assert speech.say_problem(Invalid("invented_just_now")) == ("It did not work (invented_just_now).", None)
    assert speech.say_problem(Unavailable("port_taken"))[0] == "It did not work (port_taken)."


def test_the_roles_of_the_command_are_those_of_the_table() -> None:
    assert [role.value for role in RoleName] == [role.value for role in Role]
    assert {role.value for role in StaffRoleName} == {role.value for role in STAFF_ROLES}
    assert tuple(purpose.value for purpose in PurposeName) == PURPOSES


def test_every_text_the_code_asks_for_exists() -> None:
    folder = Path(speech.__file__).parents[2]
    sources = [*folder.joinpath("channels/cli").glob("*.py"), *folder.joinpath("bootstrap").glob("*.py")]
    asked = {found for source in sources for found in ASKED.findall(source.read_text())}
    assert len(asked) > 80
    for locale in LOCALES:
        assert asked - set(catalogue(locale, "cli")) == set()


def test_json_keeps_every_character(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = {"name": "青峰 \u2028 \ud800 \x00 \x1b[2J"}
    print_json(hostile)
    said = capsys.readouterr().out
    assert json.loads(said) == hostile
    assert said.isascii()
    assert "\x1b" not in said


def test_the_version_is_told(tmp_path: Path) -> None:
    done = topup(tmp_path, "--version")
    assert (done.code, done.out, done.err) == (0, f"topup {version('topup')}\n", "")


def test_an_address_of_no_postgresql_is_a_sentence(tmp_path: Path) -> None:
    for command in (("doctor",), ("balance", "13800138000"), ("web",)):
        done = topup(tmp_path, *command, TOPUP_DATABASE_URL="mysql://x:hunter2@y")
        assert (done.code, done.out) == (2, "")
        assert "TOPUP_DATABASE_URL cannot be read" in done.err
        assert "hunter2" not in done.err


@pytest.mark.parametrize(
    "words",
    [
        ("recharge", "13800138000"),
        ("recharge", "13800138000", "50"),
        ("invented",),
        ("serve", "--port", "70000"),
        ("keys", "create", "--role", "king"),
    ],
)
def test_a_wrong_command_line_is_exit_code_2(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = topup(tmp_path, *words)
    assert done.code == Exit.USAGE
    assert done.out == ""
    assert done.err
    assert "Traceback" not in done.err
