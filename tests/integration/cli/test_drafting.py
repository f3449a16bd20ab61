"""`topup catalogue draft … call-off`: one person at the terminal, another at the console."""

import contextlib
import json
from datetime import timedelta
from importlib.resources import files

import pytest

from tests.support.approving import Anybody
from topup.catalogue.publishing.publications import kind
from topup.channels.cli import drafting
from topup.channels.cli.drafting import ScheduleAsked
from topup.channels.cli.exits import Exit
from topup.channels.cli.files import load_file
from topup.channels.cli.ports import Store
from topup.kernel.errors import Conflict, Forbidden, NotFound
from topup.people.permissions import Permission
from topup.platform.keys import KeyRing
from topup.platform.settings import Settings
from topup.work.approvals import Approvals

NAME = "Shanlan Telecom"
FILE = files("topup.catalogue.demonstration").joinpath("shanlan.toml").read_text("utf-8")


@pytest.fixture
def called(tmp_path):
    """Writes a carrier's file in which it is called so."""

    def written(name: str):
        path = tmp_path / "shanlan.toml"
        path.write_text(FILE.replace(NAME, name), "utf-8")
        return path

    return written


class Terminal:
    """Somebody at the machine of an installation that is a test's database, and somebody at its console."""

    def __init__(self, store: Store, capsys):
        self._store = store
        self._capsys = capsys
        self.database = store.database
        self.settings = store.settings
        request, approve = Permission.PUBLISH_CATALOGUE.value, Permission.APPROVE_CATALOGUE.value
        self.approvals = Approvals(database=store.database, kinds=[kind(request=request, approve=approve)])

    @contextlib.asynccontextmanager
    async def store(self, _settings):
        yield self._store

    async def does(self, command, *, code=Exit.DONE, **asked):
        """What a command says: as JSON, where it was asked to."""
        assert await command(self, self.settings, **asked) is code
        said = self._capsys.readouterr().out
        return json.loads(said) if asked.get("as_json") else said

    async def keeps(self, file) -> dict:
        return await self.does(drafting.keep_draft, file=file, note="Agreed with sales", as_json=True)

    async def asks(self, draft_id, at="") -> str:
        """Asks that a draft be published; the request's id."""
        asked = ScheduleAsked(draft_id, at, "As agreed", as_json=True)
        assert await drafting.schedule(self, self.settings, asked) is Exit.UNRESOLVED
        return json.loads(self._capsys.readouterr().out)["id"]

    async def approves(self, approval_id, *, who="stf_another"):
        await self.approvals.approve(Anybody(who), approval_id, note="")

    async def drafts(self) -> list[dict]:
        return (await self.does(drafting.list_drafts, carrier="shanlan", as_json=True))["drafts"]

    async def ahead(self, **by) -> str:
        """A time by the carrier's clocks."""
        async with self.database.read() as transaction:
            return (transaction.now + timedelta(**by)).isoformat()


@pytest.fixture
async def terminal(database, database_url, tmp_path, capsys, called):
    """With the carrier's first version published."""
    settings = Settings(database_url=database_url, data_dir=tmp_path, demo=True)
    found = Terminal(Store(settings, database, KeyRing(tmp_path / "keys"), None), capsys)
    await found.does(load_file, file=called(NAME))
    return found


async def test_a_draft_is_shown_beside_what_is_in_force_and_published_once_another_agrees(terminal, called):
    kept = await terminal.keeps(called("Shanlan"))
    assert (kept["against"], kept["mistakes"], kept["made_by"]) == (1, [], "cli")
    assert kept["changes"] == [{"key": "names.en", "before": NAME, "after": "Shanlan"}]
    said = await terminal.does(drafting.show_draft, draft_id=kept["id"], as_json=False)
    assert f"names.en: {NAME} → Shanlan" in said
    assert [one["state"] for one in await terminal.drafts()] == ["draft"]
    asked = await terminal.asks(kept["id"])
    assert [one["state"] for one in await terminal.drafts()] == ["waits"]
    with pytest.raises(Forbidden):
        await terminal.approves(asked, who="cli")
    await terminal.approves(asked)
    [listed] = await terminal.drafts()
    assert (listed["state"], listed["publication"]["version"]) == ("published", 2)
    again = await terminal.does(drafting.show_draft, draft_id=kept["id"], as_json=True)
    assert again["is_in_force"]
    assert "published" in await terminal.does(drafting.list_drafts, carrier="", as_json=False)


async def test_what_is_planned_is_called_off_and_what_moved_on_is_asked_for_anew(terminal, called):
    first, second = await terminal.keeps(called("Shan")), await terminal.keeps(called("Lan"))
    await terminal.approves(await terminal.asks(first["id"], at=await terminal.ahead(days=3)))
    with pytest.raises(Conflict, match="catalogue_planned"):
        await terminal.asks(second["id"])
    [planned] = [one["publication"] for one in await terminal.drafts() if one["state"] == "planned"]
    await terminal.does(drafting.call_off, publication_id=planned["id"])
    with pytest.raises(Conflict, match="catalogue_not_planned"):
        await terminal.does(drafting.call_off, publication_id=planned["id"])
    waits = await terminal.asks(second["id"])
    await terminal.does(load_file, file=called("Meanwhile"))
    with pytest.raises(Conflict, match="catalogue_moved_on"):
        await terminal.approves(waits)


async def test_a_file_with_mistakes_is_no_draft(terminal, tmp_path, capsys):
    file = tmp_path / "shanlan.toml"
    file.write_text(FILE.replace('currency = "', 'currency = "X'), "utf-8")
    assert await drafting.keep_draft(terminal, terminal.settings, file=file, note="x", as_json=False) is Exit.REFUSED
    assert "Nothing was kept" in capsys.readouterr().err
    assert await terminal.drafts() == []
    with pytest.raises(NotFound, match="catalogue_draft_unknown"):
        await terminal.does(drafting.show_draft, draft_id="dft_nobodys", as_json=True)
