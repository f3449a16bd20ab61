"""The trees of decisions: every end is reached, and names who must act and one next step; nobody walks in circles."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topup.care.diagnosis import Finding, Question, walk
from topup.care.facts import FACTS, Situation
from topup.care.trees import TREES, Action, Ask, Check, End
from topup.kernel.errors import NotFound, WhoMustAct
from topup.platform.i18n import LOCALES, catalogue

NODES = [(matter, name, node) for matter, tree in TREES.items() for name, node in tree.items()]
SITUATIONS = st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in FACTS.items()})


def following(node):
    if isinstance(node, Check):
        return [*node.branches.values(), *([node.otherwise] if node.otherwise else [])]
    return list(node.answers.values()) if isinstance(node, Ask) else []


@pytest.mark.parametrize(("matter", "name", "node"), NODES, ids=lambda value: value if isinstance(value, str) else "")
def test_each_node_leads_to_nodes_and_leaves_no_value_of_a_fact_out(matter, name, node):
    assert set(following(node)) <= set(TREES[matter])
    if isinstance(node, Check):
        assert set(node.branches) <= set(FACTS[node.fact])
        assert node.otherwise or set(node.branches) == set(FACTS[node.fact])
    if isinstance(node, Ask):
        assert 2 <= len(node.answers) <= 4, "a page asks one question with few answers"


@pytest.mark.parametrize("matter", TREES)
def test_no_way_leads_in_a_circle(matter):
    tree = TREES[matter]

    def go(name, before):
        assert name not in before
        for after in following(tree[name]):
            go(after, before | {name})

    go(matter, frozenset())


def ways(matter):
    """Every way through a tree that facts and answers allow, by trying them all."""
    tree = TREES[matter]

    def go(name, facts, answers):
        node = tree[name]
        if isinstance(node, End):
            yield name, facts, answers
        elif isinstance(node, Ask):
            for answer, after in node.answers.items():
                yield from go(after, facts, answers | {name: answer})
        else:
            known = facts.get(node.fact)
            for value in [known] if known else FACTS[node.fact]:
                after = node.branches.get(value, node.otherwise)
                yield from go(after, facts | {node.fact: value}, answers)

    yield from go(matter, {}, {})


@pytest.mark.parametrize("matter", TREES)
def test_every_end_is_reached_and_says_who_acts_and_what_is_next(matter):
    reached = {}
    count = 0
    for end, facts, answers in ways(matter):
        count += 1
        found = walk(matter, Situation(facts), answers)
        assert isinstance(found.now, Finding)
        assert found.now.id == end
        assert isinstance(found.now.end.who, WhoMustAct)
        assert isinstance(found.now.end.action, Action)
        reached[end] = found.now.end.who
    ends = {name for name, node in TREES[matter].items() if isinstance(node, End)}
    turns = sorted({who.value for who in reached.values()})
    print(f"{matter}: {count} ways, {len(reached)} of {len(ends)} ends reached, {turns}")
    assert set(reached) == ends


@given(st.sampled_from(sorted(TREES)), SITUATIONS, st.dictionaries(st.text(max_size=8), st.text(max_size=8)))
def test_any_situation_leads_to_a_question_or_an_end(matter, values, answers):
    found = walk(matter, Situation(values), answers)
    assert isinstance(found.now, Question | Finding)
    assert found.answers == {name: answers[name] for name in found.answers}


@given(st.sampled_from(sorted(TREES)), SITUATIONS, st.data())
def test_whoever_answers_comes_to_an_end(matter, values, data):
    answers = {}
    for _ in range(len(TREES[matter])):
        found = walk(matter, Situation(values), answers)
        if isinstance(found.now, Finding):
            return
        answers[found.now.id] = data.draw(st.sampled_from(found.now.answers))
    raise AssertionError("still asked")


def test_an_answer_that_was_not_offered_is_asked_for_again():
    found = walk("no_network", Situation({}), {"what_fails": "everything!"})
    assert isinstance(found.now, Question)
    assert found.now.id == "what_fails"


def test_a_matter_without_a_tree_is_no_address():
    with pytest.raises(NotFound):
        walk("weather", Situation({}), {})


def test_a_fact_has_only_values_that_are_known():
    with pytest.raises(ValueError, match="never"):
        Situation({"order": "lost"})


@pytest.mark.parametrize("locale", LOCALES)
def test_every_node_has_its_words(locale):
    texts = catalogue(locale, "care")
    wanted = {f"who.{who.value}" for who in WhoMustAct}
    wanted |= {f"fact.{name}" for name in FACTS}
    wanted |= {f"fact.{name}.{value}" for name, values in FACTS.items() for value in values}
    for _, name, node in NODES:
        if isinstance(node, Ask):
            wanted |= {f"ask.{name}"} | {f"ask.{name}.{answer}" for answer in node.answers}
        if isinstance(node, End):
            wanted |= {f"end.{name}", f"end.{name}.why", f"end.{name}.step"}
    assert wanted - set(texts) == set()
    spoken = {name for name in texts if name.split(".")[0] in {"ask", "end", "fact", "who"}}
    assert spoken - wanted == set(), "words that nobody says"


def test_all_actions_are_offered_somewhere():
    offered = {node.action for _, _, node in NODES if isinstance(node, End)}
    assert set(Action) - offered == {Action.REFUND}
