"""Walking a tree: what was found out so far, and what comes next, a question or the end."""

from collections.abc import Mapping
from dataclasses import dataclass

from topup.care.facts import Situation
from topup.care.trees import TREES, Ask, Check, End
from topup.kernel.errors import NotFound


@dataclass(frozen=True, slots=True)
class Step:
    """Something found out: a fact of ours with its value, or (`asked`) a question with its answer."""

    name: str
    value: str
    asked: bool


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be answered next."""

    id: str
    answers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """The end: its texts are those of `end.<id>`; `end` says who must act and what the next step is."""

    id: str
    end: End


@dataclass(frozen=True, slots=True)
class Walk:
    """The way through a tree so far. `answers` are those that were given and still count."""

    matter: str
    steps: tuple[Step, ...]
    answers: Mapping[str, str]
    now: Question | Finding


def walk(matter: str, situation: Situation, answers: Mapping[str, str]) -> Walk:
    """As far as the facts and the answers lead. An answer that the tree does not offer is asked for again.

    Raises NotFound `route_unknown` for a matter without a tree.
    """
    tree = TREES.get(matter)
    if tree is None:
        raise NotFound("route_unknown")
    steps: list[Step] = []
    given: dict[str, str] = {}
    place = matter
    # No tree leads in a circle (a test looks), so that no walk is longer than its tree has nodes.
    for _ in tree:
        node = tree[place]
        if isinstance(node, End):
            return Walk(matter, tuple(steps), given, Finding(place, node))
        if isinstance(node, Check):
            value = situation.value(node.fact)
            steps.append(Step(node.fact, value, asked=False))
            place = node.branches.get(value, node.otherwise)
            continue
        answer = answers.get(place, "")
        if answer not in node.answers:
            return Walk(matter, tuple(steps), given, _question(place, node))
        steps.append(Step(place, answer, asked=True))
        given[place] = answer
        place = node.answers[answer]
    raise RuntimeError(f"the tree {matter} leads in a circle")


def _question(place: str, node: Ask) -> Question:
    return Question(place, tuple(node.answers))
