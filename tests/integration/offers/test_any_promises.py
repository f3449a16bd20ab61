"""Random steps on campaigns, beside a model: counters are what is held and used, and no limit is passed."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.promises import OTHER, SPRING, Promises, wanted
from topup.catalogue.campaigns import Limits
from topup.offers.counting import CampaignKey, Wanted

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["reserve", "reserve", "settle", "release", "give_back", "later"]),
        st.integers(0, 5),
        st.sampled_from([SPRING, OTHER]),
    ),
    max_size=12,
)
LIMITS = {SPRING: Limits(total=3, per_person=2, budget_minor=1300), OTHER: Limits(per_day=2)}
NEXT = {
    "reserve": {None: "held", "released": "held"},
    "settle": {"held": "settled", "released": "settled"},
    "release": {"held": "released"},
    "give_back": {"settled": "given_back"},
}


@dataclass
class Walk:
    """Random steps on two campaigns, beside a model that is a dictionary."""

    promises: Promises
    runs: Counter = field(default_factory=Counter)
    round: int = 0

    async def go(self, steps) -> None:
        """Each list of steps has campaigns of its own."""
        self.round += 1
        states: dict[Wanted, str] = {}
        async with self.promises.database.read() as transaction:
            expires_at = transaction.now + timedelta(minutes=20)
        for act, order, campaign in steps:
            self.runs["steps"] += 1
            if act == "later":
                self.promises.database.clock_offset += timedelta(minutes=21)
                await self.promises.lapse()
                states = {one: "released" if state == "held" else state for one, state in states.items()}
                continue
            mine = CampaignKey(f"acme-{self.round}", campaign.campaign_id)
            one = wanted(
                f"o{order}",
                mine,
                200 + 100 * order,
                limits=LIMITS[campaign],
                persons=(f"p{order % 2}",),
                expires_at=expires_at,
            )
            await self.step(act, one, states)
        assert await self.promises.faults() == []

    async def step(self, act: str, one: Wanted, states: dict[Wanted, str]) -> None:
        state = states.get(one)
        if act == "reserve":
            [refusal] = await self.promises.reserve(one)
            if state in NEXT["reserve"]:
                assert (refusal is None) is self.is_left(one, states)
            self.runs["refused"] += refusal is not None
            moves = refusal is None
        else:
            if state is None:
                return
            await getattr(self.promises, act)(one)
            moves = True
        if moves and state in NEXT[act]:
            states[one] = NEXT[act][state]

    @staticmethod
    def is_left(one: Wanted, states: dict[Wanted, str]) -> bool:
        taken = [
            other for other, state in states.items() if other.campaign == one.campaign and state in {"held", "settled"}
        ]
        limits, mine = one.limits, [other for other in taken if other.persons == one.persons]
        return (
            (limits.total is None or len(taken) < limits.total)
            and (limits.per_day is None or len(taken) < limits.per_day)
            and (limits.per_person is None or len(mine) < limits.per_person)
            and (limits.budget_minor is None or sum(other.off_minor for other in (*taken, one)) <= limits.budget_minor)
        )


async def test_whatever_happens_counters_are_what_is_held_and_used(database):
    walk = Walk(Promises(database))
    loop = asyncio.get_running_loop()

    @settings(max_examples=6, deadline=None)
    @given(STEPS)
    def any_steps(steps) -> None:
        asyncio.run_coroutine_threadsafe(walk.go(steps), loop).result(60)

    await asyncio.to_thread(any_steps)
    print(f"{walk.round} lists, {walk.runs['steps']} steps, {walk.runs['refused']} refused; miscounted: 0")
