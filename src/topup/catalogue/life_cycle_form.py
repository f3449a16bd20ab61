"""The form of a line's life in a carrier's file: clocks, states and what leads out of them, the monthly fee."""

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from itertools import product
from typing import Any, Final, get_args

from topup.catalogue.life_cycle_rules import (
    ALL_KINDS,
    Blockable,
    Clock,
    Exit,
    LifeCycle,
    MonthlyFee,
    Restart,
    Shows,
    State,
    When,
)
from topup.catalogue.offer_form import IDENTIFIER
from topup.catalogue.positions import Path
from topup.catalogue.reading import WRONG, Reading, Wrong, shown
from topup.catalogue.shapes import Amount, Choice, Either, Field, Flag, ListOf, MapOf, Table, Text, Variants, Whole
from topup.catalogue.sharing_form import KINDS
from topup.catalogue.validity_form import DAYS, ENDS, SPAN, TERM_KEYS, TIERS, term_of, tiers_of

Fields = dict[str, Any]

_NAME: Final = Text("a short name in lower case such as one-way-blocked", IDENTIFIER, longest=64)
_RESTART_WORDS: Final = ("topup", "activity", "activation")
_ENOUGH: Final = {
    "least": Field(Amount(0), "a top-up of at least so much", default=0, into="least_minor"),
    "plain": Field(Flag(), "only plain credit counts, no pack", default=False),
}


def _restart(fields: Fields, path: Path, reading: Reading) -> Restart | Wrong:
    on, ends = fields["on"], fields["ends"]
    strange = next((key for key in ("least_minor", "plain", "tiers") if fields[key] and on != "topup"), None)
    if strange is not None:
        return reading.mistake((*path, strange.removesuffix("_minor")), 'goes with on = "topup" only')
    if fields["days"] is not None and fields["months"] is not None:
        return reading.mistake((*path, "months"), "stands beside days: it needs one of them at most")
    said = fields["days"] is not None or fields["months"] is not None
    term = term_of(fields, path, reading) if said else None
    tiers = tiers_of(fields["tiers"], ends, (*path, "tiers"), reading) if fields["tiers"] else ()
    if isinstance(term, Wrong) or isinstance(tiers, Wrong):
        return WRONG
    return Restart(on, fields["least_minor"], fields["plain"], term, fields["by"], tiers)


_RESTART: Final = Either(
    Table(
        _restart,
        {
            "on": Field(Choice(_RESTART_WORDS), "a top-up, a chargeable activity, or the first day", required=True),
            **_ENOUGH,
            **SPAN,
            "ends": ENDS,
            "by": Field(
                Choice(("topup", "balance")), "tiers by its amount, or by the balance after it", default="topup"
            ),
            "tiers": Field(TIERS, "how long by amount; below the first it restarts nothing", default=()),
        },
    ),
    Choice(_RESTART_WORDS),
    Restart,
)


def _clock(fields: Fields, path: Path, reading: Reading) -> Clock | Wrong:
    term = term_of(fields, path, reading)
    if isinstance(term, Wrong):
        return term
    return Clock(str(path[-1]), term, fields["policy"], fields["restarts"], fields["most_days"])


CLOCKS: Final = MapOf(
    IDENTIFIER,
    "clock's name in lower case",
    Table(
        _clock,
        {
            **SPAN,
            "ends": ENDS,
            "policy": Field(
                Choice(("renew", "longest", "extend")),
                "set anew: the new end, be it sooner; the later of both; or the old end moved on",
                default="renew",
            ),
            "most_days": Field(DAYS, "set anew, it ends no farther ahead than so many days"),
            "restarts": Field(ListOf(_RESTART, 1, 10), "what sets it anew", required=True),
        },
        one_of=TERM_KEYS,
    ),
    maximum=20,
)


def _exit(fields: Fields, path: Path, reading: Reading) -> Exit | Wrong:
    term = term_of(fields, path, reading) if fields["when"] == "days" else None
    if isinstance(term, Wrong):
        return term
    kept = {key: fields[key] for key in ("when", "to", "clock", "least_minor", "plain") if key in fields}
    return Exit(**kept, term=term)


_MEANINGS: Final[dict[When, str]] = {
    "clock": "a clock has run out",
    "days": "so long after the state began; a day that it began with counts",
    "credit_used_up": "the last money was used",
    "credit_expired": "the last money expired",
    "credit_gone": "the last money was used or expired",
    "credit_back": "there is money to use",
    "topup": "a top-up arrives",
    "activity": "something chargeable is done",
    "arrears": "something is owed",
    "arrears_paid": "nothing is owed",
    "fee_missed": "a monthly fee could not be taken",
}
_OWN_KEYS: Final[dict[str, dict[str, Field]]] = {
    "clock": {"clock": Field(_NAME, "which clock", required=True)},
    "days": {**SPAN, "ends": ENDS},
    "topup": _ENOUGH,
}


def _way(word: When) -> Table:
    return Table(
        _exit,
        {
            "when": Field(Choice((word,)), _MEANINGS[word], required=True),
            "to": Field(_NAME, "the state it leads to", required=True),
            **_OWN_KEYS.get(word, {}),
        },
        one_of=TERM_KEYS if word == "days" else (),
    )


_EXIT: Final = Variants("when", {word: _way(word) for word in _MEANINGS})
_SOME_KINDS: Final = ListOf(Choice((ALL_KINDS, *KINDS)), 0, len(KINDS))
_ON_ENTRY: Final = Table(
    lambda fields, _path, _reading: fields,
    {
        "forfeit": Field(_SOME_KINDS, "buckets of these kinds are lost", default=()),
        "freeze": Field(_SOME_KINDS, "buckets of these kinds cannot be used until they are restored", default=()),
        "close_line": Field(Flag(), "the line ends for ever", default=False),
        "release_number": Field(Flag(), "its number is free for somebody else", default=False),
    },
)
_ON_TOPUP: Final = Table(
    lambda fields, _path, _reading: fields,
    {
        "restore": Field(_SOME_KINDS, "frozen buckets of these kinds can be used again", default=()),
        "forfeit": Field(_SOME_KINDS, "frozen buckets of these kinds are lost", default=()),
    },
)


def _state(fields: Fields, path: Path, reading: Reading) -> State | Wrong:
    entry, topup = fields.pop("on_entry"), fields.pop("on_topup")
    state = State(
        **fields,
        forfeits=entry.get("forfeit", ()),
        freezes=entry.get("freeze", ()),
        closes=entry.get("close_line", False),
        releases_number=entry.get("release_number", False),
        restores=topup.get("restore", ()),
        topup_forfeits=topup.get("forfeit", ()),
    )
    if state.closes and (state.exits or topup):
        return reading.mistake(path, "closes the line: nothing can lead out of it")
    if state.releases_number and not state.closes:
        return reading.mistake((*path, "on_entry"), "releases the number of a line that it does not close")
    if "topup" in state.blocks and (topup or any(way.when == "topup" for way in state.exits)):
        return reading.mistake((*path, "blocks"), "blocks top-ups, but says what one does")
    return state


_STATE: Final = Table(
    _state,
    {
        "id": Field(_NAME, "its id", required=True),
        "shows": Field(Choice(get_args(Shows)), "what it is called before people", required=True),
        "blocks": Field(ListOf(Choice(get_args(Blockable)), 0, 6), "what cannot be done in it", default=()),
        "leave": Field(ListOf(_EXIT, 0, 20), "what leads out of it, and whereto", default=(), into="exits"),
        "on_entry": Field(_ON_ENTRY, "what entering it does", default={}),
        "on_topup": Field(_ON_TOPUP, "what a top-up in it does to frozen money", default={}),
        "remind_days": Field(ListOf(Whole(1, 365), 0, 10), "so many days before time leads out of it", default=()),
        "monthly_fee": Field(Flag(), "whether the monthly fee is due in it", default=True, into="charges_fee"),
    },
)


def _life_cycle(fields: Fields, path: Path, reading: Reading) -> LifeCycle | Wrong:
    states: tuple[State, ...] = fields["states"]
    ids = [state.id for state in states]
    wrong = None
    for index, identifier in enumerate(ids):
        if identifier in ids[:index]:
            wrong = reading.mistake((*path, "states", index, "id"), f"is {shown(identifier)} a second time")
    starts = fields["starts"] or ids[0]
    if starts not in ids:
        wrong = reading.mistake((*path, "starts"), f"is no state; there are {', '.join(ids)}")
    return wrong or LifeCycle(starts, states)


LIFE_CYCLE: Final = Table(
    _life_cycle,
    {
        "starts": Field(_NAME, "the state a new line begins in; the first when left out"),
        "states": Field(ListOf(_STATE, 1, 30), "the states", required=True),
    },
)
MONTHLY_FEE: Final = Table(
    lambda fields, _path, _reading: MonthlyFee(**fields),
    {
        "amount": Field(Amount(), "how much", required=True, into="amount_minor"),
        "day": Field(Whole(1, 31), "on which day of the month; its last where it is shorter", default=1),
        "arrears": Field(Flag(), "what is missing is owed; else the fee is not taken", default=False),
    },
)


def life_cycle_mistake(
    cycle: LifeCycle | None, clocks: tuple[Clock, ...], path: Path, reading: Reading
) -> Wrong | None:
    """What does not agree: exits to no state or by no clock, and states that lead to one another in no time."""
    if cycle is None:
        return None
    ids = [state.id for state in cycle.states]
    names = [clock.name for clock in clocks]
    wrong = None
    for index, number, way in _ways(cycle):
        place = (*path, "states", index, "leave", number)
        if way.to not in ids:
            wrong = reading.mistake((*place, "to"), f"is no state; there are {', '.join(ids)}")
        if way.clock is not None and way.clock not in names:
            words = f"there are {', '.join(names)}" if names else "there are none"
            wrong = reading.mistake((*place, "clock"), f"is no clock; {words}")
    return wrong or _no_circle(cycle, path, reading)


def _ways(cycle: LifeCycle) -> Iterator[tuple[int, int, Exit]]:
    for index, state in enumerate(cycle.states):
        for number, way in enumerate(state.exits):
            yield index, number, way


def _no_circle(cycle: LifeCycle, path: Path, reading: Reading) -> Wrong | None:
    """A line with some money or none, owing something or nothing, comes to rest: no exits lead in a circle at once.

    Every clock may have run out; only days and events take time.
    """
    gone: tuple[set[When], ...] = (
        {"credit_used_up", "credit_gone"},
        {"credit_expired", "credit_gone"},
        {"credit_back"},
    )
    owing: tuple[set[When], ...] = ({"arrears"}, {"arrears_paid"})
    for funds, owes in product(gone, owing):
        at_once = funds | owes | {"clock"}
        graph = {state.id: {way.to for way in state.exits if way.when in at_once} for state in cycle.states}
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as circle:
            states = " and ".join(dict.fromkeys(circle.args[1]))
            return reading.mistake((*path, "states"), f"have a circle that takes no time: {states}")
    return None
