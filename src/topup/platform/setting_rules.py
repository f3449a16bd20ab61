"""What a setting must be, told by a rule's id and its facts: whoever speaks to people has a sentence for each, in their
language. The library that reads settings has only English ones, and some of them repeat the value.
"""

from typing import TYPE_CHECKING, Final

from pydantic_core import PydanticCustomError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_PREFIX: Final = "topup_"
_RULES: Final = {
    "int_parsing": "whole_number",
    "int_type": "whole_number",
    "int_from_float": "whole_number",
    "int_parsing_size": "whole_number",
    "float_parsing": "number",
    "float_type": "number",
    "finite_number": "number",
    "bool_parsing": "yes_or_no",
    "bool_type": "yes_or_no",
    "greater_than": "more_than",
    "greater_than_equal": "at_least",
    "less_than": "less_than",
    "less_than_equal": "at_most",
    "missing": "missing",
    "extra_forbidden": "unknown",
    "string_type": "text",
    "path_type": "text",
    "string_too_short": "longer",
    "string_too_long": "shorter",
    "literal_error": "one_of",
    "enum": "one_of",
}
_FACTS: Final = ("gt", "ge", "lt", "le", "min_length", "max_length", "expected")


def broken(rule: str) -> PydanticCustomError:
    """What a validator raises for a value that breaks a rule of ours."""
    # Words for whoever sees the library's own error; no brace in them, for they are a template.
    return PydanticCustomError(f"{_PREFIX}{rule}", "a rule of its own")


def rule_of(error: "ErrorDetails") -> dict[str, str]:
    """The rule that a value broke, `rule`, and where the rule has a fact, that as `fact`."""
    kind = error["type"]
    rule = kind.removeprefix(_PREFIX) if kind.startswith(_PREFIX) else _RULES.get(kind, "other")
    facts = [str(error["ctx"][name]) for name in _FACTS if name in error.get("ctx", {})]
    return {"rule": rule, "fact": facts[0]} if facts else {"rule": rule}


_OURS: Final = (
    "networks",
    "postgresql",
    "level",
    "home",
    "web_address",
    "clock_of_demonstration",
    "ceilings",
    "provider_fees",
    "limits_alone",
    "float_alarms",
    "time_zone",
)
RULES: Final = frozenset({*_RULES.values(), *_OURS, "other"})
"""Every rule there is; a test looks whether each has its sentence."""
