"""What tops a line up by itself, at the console: each rule, its next run, and why the last did or did not happen."""

from dataclasses import dataclass
from typing import Final

from topup.channels.console.wording import Wording
from topup.kernel.errors import NotFound
from topup.orders.schedules import wording as words
from topup.orders.schedules.desk import Schedules, ScheduleView
from topup.orders.schedules.states import ScheduleState
from topup.people.sessions import SignedIn
from topup.platform.keys import KeyRing

_TONES: Final = {ScheduleState.ACTIVE: "good", ScheduleState.PAUSED: "over", ScheduleState.STOPPED: "alarm"}
_SHOWN: Final = 6
"""Runs of each; the terminal and the API tell more."""


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run: when its cause was seen, what came of it, and its order where there is one."""

    when: str
    what: str
    order: str


@dataclass(frozen=True, slots=True)
class AutomaticSheet:
    """A rule: what was agreed to and its limits, how it stands and why, when it runs next, and its latest runs."""

    id: str
    what: str
    cap: str
    interval_days: int
    state: str
    tone: str
    why: str
    next: str
    card: str
    since: str
    runs: list[RunRow]
    active: bool


class AutomaticSheets:
    """Reads them, and stops one."""

    def __init__(self, *, schedules: Schedules, keyring: KeyRing) -> None:
        self._schedules = schedules
        self._keyring = keyring

    async def of(self, *, number: str, wording: Wording) -> list[AutomaticSheet]:
        """All that top a number up, oldest first, whoever agreed to them."""
        return [_sheet(view, wording) for view in await self._schedules.of_number(number=number)]

    async def stop(self, who: SignedIn, *, number: str, schedule_id: str, reason: str) -> None:
        """Stop one of a number's. Raises NotFound `schedule_unknown`, and as `Schedules.stop`."""
        found = await self._schedules.of_number(number=number)
        if schedule_id not in {view.schedule.id for view in found}:
            raise NotFound("schedule_unknown")
        await self._schedules.stop(schedule_id=schedule_id, by=who.id, reason=reason, keys=self._keyring)


def _sheet(view: ScheduleView, wording: Wording) -> AutomaticSheet:
    one, locale = view.schedule, wording.locale
    return AutomaticSheet(
        id=one.id,
        what=words.agreed_words(one.agreement, one.currency, locale=locale),
        cap=wording.money(one.agreement.cap_minor, one.currency),
        interval_days=one.agreement.interval_days,
        state=words.state_words(one.state, locale=locale),
        tone=_TONES[one.state],
        why=words.stopped_words(one, locale=locale),
        next=words.next_words(one, locale=locale, moment=wording.minute),
        card=view.card or wording.text("automatic_card_gone"),
        since=wording.moment(one.created_at),
        runs=[
            RunRow(
                wording.moment(run.at),
                words.run_words(run, one.currency, locale=locale, moment=wording.moment),
                words.order_of(run),
            )
            for run in view.runs[:_SHOWN]
        ],
        active=one.state is ScheduleState.ACTIVE,
    )
