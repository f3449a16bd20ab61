"""Publishing by two people: drafts, what was agreed to, what is planned, and what does not fit any more."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from psycopg import errors

from tests.support.approving import Anybody
from topup.catalogue.checking import CarrierFile, check, check_bytes
from topup.catalogue.demonstration import demonstration_files
from topup.catalogue.operations import AlreadyPublished, MovedOn, publish
from topup.catalogue.publishing import publications
from topup.catalogue.publishing.drafts import Draft, Drafts
from topup.catalogue.publishing.loading import load
from topup.catalogue.publishing.publications import Publications, asking_for
from topup.catalogue.publishing.states import PublicationState
from topup.catalogue.queries import CatalogueCache
from topup.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from topup.platform.database import Database
from topup.work import trail
from topup.work.approvals import Approval, Approvals
from topup.work.queries import open_items

FILES = {file.stem: file for file in demonstration_files()}
ANNA, BEN, CARL = Anybody("stf_anna"), Anybody("stf_ben"), Anybody("stf_carl")
DEARER = ("price = 58", "price = 68")
DEAREST = ("price = 58", "price = 78")


def edited(*changes: tuple[str, str], name: str = "yunfan") -> CarrierFile:
    text = FILES[name].read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return check_bytes(text.encode(), name=f"{name}.toml")


@dataclass
class House:
    """The catalogue's room, and the one where two people decide."""

    database: Database
    cache: CatalogueCache = field(default_factory=CatalogueCache)

    def __post_init__(self) -> None:
        self.drafts, self.publications = Drafts(self.database), Publications(self.database)
        kinds = [publications.kind(request="catalogue.propose", approve="catalogue.approve")]
        self.approvals = Approvals(database=self.database, kinds=kinds)

    async def loaded(self, file: CarrierFile) -> int:
        async with self.database.transaction() as transaction:
            return await publish(transaction.connection, file, transaction.now)

    async def in_force(self) -> tuple[int, int]:
        """The version, and what the pack for Asia costs by it, as another process sees it."""
        async with self.database.read() as transaction:
            found = (await self.cache.current(transaction.connection)).carrier("yunfan")
        return found.version, found.packs["asia-5gb-10d"].price_minor

    async def draft(self, *changes: tuple[str, str], by: Anybody = ANNA) -> Draft:
        return await self.drafts.keep(edited(*changes), note="Prices of the summer", by=by.id)

    async def ask(self, draft: Draft, *, against: int = 1, starts: str = "", by: Anybody = ANNA) -> Approval:
        wish = asking_for(draft_id=draft.id, against=against, starts=starts, reason="Because")
        return await self.approvals.request(by, wish)

    async def planned(self, *changes: tuple[str, str]) -> Draft:
        """A draft that two people agreed to publish an hour from now."""
        draft = await self.draft(*changes)
        asked = await self.ask(draft, starts=await self.local(timedelta(hours=1)))
        await self.approvals.approve(BEN, asked.id, note="")
        return draft

    async def local(self, ahead: timedelta) -> str:
        """A time of the carrier's clocks, eight hours east, as a form writes it."""
        async with self.database.read() as transaction:
            return (transaction.now + ahead + timedelta(hours=8)).replace(tzinfo=None).isoformat(timespec="seconds")

    async def told(self) -> list[trail.Entry]:
        async with self.database.read() as transaction:
            return await trail.entries(transaction.connection, action="catalogue.")


@pytest.fixture
async def house(database):
    made = House(database)
    assert await made.loaded(check(FILES["yunfan"])) == 1
    return made


async def test_what_two_people_agree_to_is_the_next_version(house):
    draft = await house.draft(DEARER)
    asked = await house.ask(draft)
    assert await house.in_force() == (1, 5800), "nothing has happened yet"
    decided = await house.approvals.approve(BEN, asked.id, note="")
    assert await house.in_force() == (2, 6800)
    [done] = await house.publications.of_draft(draft.id)
    assert (done.state, done.version, done.against, done.asked_by) == (PublicationState.PUBLISHED, 2, 1, ANNA.id)
    assert decided.outcome["version"] == 2
    assert decided.outcome["before"].startswith("1 ")
    assert decided.outcome["after"] == draft.fingerprint.hex()[:12]


async def test_nobody_publishes_alone_whoever_asked(house):
    draft = await house.draft(DEARER, by=ANNA)
    own = await house.ask(draft, by=ANNA)
    with pytest.raises(Forbidden, match="approval_own"):
        await house.approvals.approve(ANNA, own.id, note="")
    await house.approvals.withdraw(ANNA, own.id)
    of_another = await house.ask(draft, by=BEN)
    with pytest.raises(Forbidden, match="approval_concerned"):
        await house.approvals.approve(ANNA, of_another.id, note="her own text, that another asked for")
    await house.approvals.approve(CARL, of_another.id, note="")
    assert await house.in_force() == (2, 6800)


async def test_a_draft_stays_as_it_is(house):
    await house.draft(DEARER)
    for statement in ("UPDATE catalogue.drafts SET source = ''", "DELETE FROM catalogue.drafts"):
        with pytest.raises(errors.InsufficientPrivilege):
            async with house.database.transaction() as transaction:
                await transaction.connection.execute(statement)


async def test_a_form_sent_twice_is_one_draft_and_with_another_text_another(house):
    first, again = [await house.drafts.keep(edited(DEARER), note="x", by=ANNA.id, form="form-1") for _ in range(2)]
    other = await house.drafts.keep(edited(DEAREST), note="x", by=ANNA.id, form="form-1")
    assert first == again != other
    assert [one.id for one in await house.drafts.page(carrier_id="yunfan")] == [other.id, first.id]


async def test_what_was_compared_with_another_version_is_asked_for_anew(house):
    draft = await house.draft(DEARER)
    asked = await house.ask(draft)
    assert await house.loaded(edited(DEAREST)) == 2
    with pytest.raises(MovedOn) as refusal:
        await house.approvals.approve(BEN, asked.id, note="")
    assert refusal.value.parameters == {"carrier": "yunfan", "version": 2}
    assert await house.in_force() == (2, 7800)
    await house.approvals.withdraw(ANNA, asked.id)
    with pytest.raises(MovedOn):
        await house.ask(draft, against=1)
    anew = await house.ask(draft, against=2)
    await house.approvals.approve(BEN, anew.id, note="")
    assert await house.in_force() == (3, 6800)


async def test_what_says_the_same_or_does_not_fit_is_not_asked_for(house):
    with pytest.raises(AlreadyPublished):
        await house.ask(await house.draft())
    with pytest.raises(Conflict, match="catalogue_unfit") as refusal:
        await house.ask(await house.draft(('currency = "HKD"', 'currency = "USD"')))
    assert "yunfan.toml:8: currency must stay HKD" in str(refusal.value.parameters["first"])
    with pytest.raises(NotFound, match="catalogue_draft_unknown"):
        await house.approvals.request(ANNA, asking_for(draft_id="dft_x", against=1, starts="", reason="x"))


async def test_a_planned_version_begins_at_its_time_and_once(house):
    draft = await house.planned(DEARER)
    [planned] = await house.publications.planned()
    assert (planned.state, planned.draft_id, planned.version) == (PublicationState.PLANNED, draft.id, None)
    assert await house.publications.publish_due() == 0
    assert await house.in_force() == (1, 5800)
    house.database.clock_offset = timedelta(hours=1, seconds=1)
    assert sorted(await asyncio.gather(*(house.publications.publish_due() for _ in range(4)))) == [0, 0, 0, 1]
    assert await house.in_force() == (2, 6800)
    [done] = await house.publications.of_carrier("yunfan")
    assert (done.state, done.version) == (PublicationState.PUBLISHED, 2)
    published, drafted = await house.told()
    assert (published.actor, published.action, published.subject) == ("clock", "catalogue.published", draft.id)
    assert published.facts["version"] == 2
    assert published.facts["before"].startswith("1 ")
    assert drafted.action == "catalogue.drafted"


async def test_a_time_is_the_carriers_own(house):
    asked = await house.ask(await house.draft(DEARER), starts=await house.local(timedelta(hours=2)))
    async with house.database.read() as transaction:
        ahead = datetime.fromisoformat(asked.facts["starts_at"]) - transaction.now
    assert timedelta(hours=1, minutes=59) < ahead < timedelta(hours=2)


@pytest.mark.parametrize(
    ("starts", "code"),
    [
        ("tomorrow", "catalogue_start_unreadable"),
        ("2020-01-01T00:00", "catalogue_start_passed"),
        ("9999-12-31T23:59", "catalogue_start_too_far"),
        ("0001-01-01T00:00", "catalogue_start_unreadable"),
    ],
)
async def test_a_time_that_cannot_be(house, starts, code):
    with pytest.raises(Invalid, match=code):
        await house.ask(await house.draft(DEARER), starts=starts)


async def test_who_says_yes_after_its_time_does_not_begin_it(house):
    asked = await house.ask(await house.draft(DEARER), starts=await house.local(timedelta(hours=1)))
    house.database.clock_offset = timedelta(hours=2)
    with pytest.raises(Conflict, match="catalogue_start_passed"):
        await house.approvals.approve(BEN, asked.id, note="")
    assert await house.publications.planned() == []


async def test_a_planned_version_is_called_off_until_it_begins(house):
    draft = await house.planned(DEARER)
    [planned] = await house.publications.planned()
    await house.publications.cancel(planned.id, by=CARL.id)
    house.database.clock_offset = timedelta(hours=2)
    assert await house.publications.publish_due() == 0
    assert await house.in_force() == (1, 5800)
    [done] = await house.publications.of_draft(draft.id)
    assert (done.state, done.cancelled_by) == (PublicationState.CANCELLED, CARL.id)
    with pytest.raises(Conflict, match="catalogue_not_planned"):
        await house.publications.cancel(planned.id, by=CARL.id)
    with pytest.raises(NotFound, match="catalogue_publication_unknown"):
        await house.publications.cancel("pub_x", by=CARL.id)
    cancelled = (await house.told())[0]
    assert (cancelled.actor, cancelled.action) == (CARL.id, "catalogue.cancelled")
    assert (cancelled.facts["before"], cancelled.facts["after"]) == ("planned", "cancelled")


async def test_while_one_is_planned_no_other_of_the_carrier_is_agreed_to(house):
    other = await house.ask(await house.draft(DEAREST))
    await house.planned(DEARER)
    with pytest.raises(Conflict, match="catalogue_planned"):
        await house.approvals.approve(BEN, other.id, note="")
    with pytest.raises(Conflict, match="catalogue_planned"):
        await house.ask(await house.draft(("price = 58", "price = 88")))


async def test_what_does_not_fit_at_its_time_becomes_work_for_a_person(house):
    draft = await house.planned(DEARER)
    assert await house.loaded(edited(DEAREST)) == 2
    house.database.clock_offset = timedelta(hours=2)
    assert await house.publications.publish_due() == 1
    assert await house.publications.publish_due() == 0
    assert await house.in_force() == (2, 7800), "what was loaded in between stays"
    [unfit] = await house.publications.of_draft(draft.id)
    assert (unfit.state, unfit.why, unfit.version) == (PublicationState.UNFIT, "catalogue_moved_on", None)
    async with house.database.read() as transaction:
        [item] = await open_items(transaction.connection)
    assert (item.kind, item.subject) == ("catalogue_unfit", unfit.id)
    assert (item.evidence["draft"], item.evidence["compared"], item.evidence["version"]) == (draft.id, 1, 2)
    assert (await house.told())[0].action == "catalogue.unfit"


async def test_numbers_that_went_to_another_carrier_meanwhile_are_told_with_their_line(house):
    await house.planned(('"+8526"', '"+8527"'))
    rival = check(FILES["yunfan"]).source.replace('id = "yunfan"', 'id = "rival"', 1)
    rival = rival.replace('["+8525", "+8526", "+8529"]', '["+8527"]').replace('example = "+85251230000"', "")
    await house.loaded(check_bytes(rival.encode(), name="rival.toml"))
    house.database.clock_offset = timedelta(hours=2)
    assert await house.publications.publish_due() == 1
    async with house.database.read() as transaction:
        [item] = await open_items(transaction.connection)
    assert item.evidence["why"] == "catalogue_mistakes"
    assert "overlaps +8527 of the carrier rival" in item.evidence["first"]


async def test_an_earlier_version_is_published_again_as_the_next_one(house):
    await house.loaded(edited(DEARER))
    back = await house.drafts.restore("yunfan", 1, note="The prices were a mistake", by=ANNA.id)
    assert (back.restores, back.source) == (1, check(FILES["yunfan"]).source)
    asked = await house.ask(back, against=2)
    await house.approvals.approve(BEN, asked.id, note="")
    assert await house.in_force() == (3, 5800)
    with pytest.raises(NotFound, match="catalogue_version_unknown"):
        await house.drafts.restore("yunfan", 9, note="x", by=ANNA.id)


async def test_a_first_version_is_compared_with_none(house):
    file = check(FILES["lion-island"])
    draft = await house.drafts.keep(file, note="New", by=ANNA.id)
    with pytest.raises(MovedOn):
        await house.ask(draft, against=1)
    asked = await house.ask(draft, against=0)
    decided = await house.approvals.approve(BEN, asked.id, note="")
    assert (decided.outcome["version"], decided.outcome["before"]) == (1, None)


async def test_a_file_that_is_loaded_by_command_is_in_the_trail_and_says_what_it_spoils(house):
    await house.planned(DEARER)
    async with house.database.transaction() as transaction:
        loaded = await load(transaction.connection, edited(DEAREST), transaction.now)
    [planned] = await house.publications.planned()
    assert (loaded.version, loaded.spoils) == (2, planned.starts_at)
    [told, *_] = await house.told()
    assert (told.actor, told.action, told.subject) == ("cli", "catalogue.loaded", "yunfan")
    assert [told.facts[side][:2] for side in ("before", "after")] == ["1 ", "2 "]


async def test_a_process_that_looked_before_sees_a_planned_version_with_its_next_look(house):
    """Each look of a process asks in its own transaction which publication is the newest."""
    others = [House(house.database) for _ in range(3)]
    assert [await one.in_force() for one in others] == [(1, 5800)] * 3
    await house.planned(DEARER)
    house.database.clock_offset = timedelta(hours=2)
    await house.publications.publish_due()
    assert [await one.in_force() for one in others] == [(2, 6800)] * 3
