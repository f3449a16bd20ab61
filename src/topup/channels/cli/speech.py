"""The language of the terminal, and sentences in it."""

import os
from collections.abc import Mapping
from functools import lru_cache

from topup.kernel.errors import Problem
from topup.platform.i18n import MissingText, has_text, in_words, locale_of_tag, translate

_PROBLEM_DOMAINS = ("cli", "problems", "platform", "catalogue", "ledger")


@lru_cache(maxsize=1)
def locale() -> str:
    """The language to speak: TOPUP_LANG, else that of the terminal (LC_ALL, LC_MESSAGES, LANG), else English.

    English, because a terminal without a language (`C`, `POSIX`) is by convention an English one.
    """
    for name in ("TOPUP_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        wish = os.environ.get(name)
        if wish:
            return locale_of_tag(wish.partition(".")[0]) or "en"
    return "en"


def say(message_id: str, /, **parameters: object) -> str:
    """A text of the catalogue `cli`; raises MissingText."""
    return translate(locale(), "cli", message_id, **parameters)


def say_problem(problem: Problem) -> tuple[str, str | None]:
    """What happened, and what to do about it where there is something to say."""
    parameters = _with_rule(problem.parameters)
    sentence = sentence_of(problem.code, parameters) or say("problem_untold", code=problem.code)
    return sentence, sentence_of(f"{problem.code}.do", parameters)


def _with_rule(parameters: Mapping[str, object]) -> Mapping[str, object]:
    """What a setting must be, where a problem says that by the id of a rule (`platform.setting_rules`)."""
    if "rule" not in parameters:
        return parameters
    reason = translate(locale(), "platform", f"rule.{parameters['rule']}", **parameters)
    place = parameters.get("place")
    return {**parameters, "reason": f"{place}: {reason}" if place else reason}


def sentence_of(code: str, parameters: Mapping[str, object]) -> str | None:
    """The text of a code, wherever it is; None where nobody wrote one, or it tells what was not given."""
    for domain in _PROBLEM_DOMAINS:
        if has_text(domain, code):
            try:
                return translate(locale(), domain, code, **in_words(parameters, locale()))
            except MissingText:
                return None
    return None
