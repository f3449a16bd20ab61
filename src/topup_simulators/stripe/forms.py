"""How Stripe reads a form: names with brackets, strict about what it knows, and errors that say which parameter."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

_NAME: Final = re.compile(r"([A-Za-z0-9_]+)((?:\[[A-Za-z0-9_]*\])*)", re.ASCII)
_PART: Final = re.compile(r"\[([A-Za-z0-9_]*)\]", re.ASCII)
_WHOLE: Final = re.compile(r"-?[0-9]{1,15}", re.ASCII)
_LONGEST_METADATA: Final = 500
_MOST_METADATA: Final = 50
_MOST_FIELDS: Final = 200


class Refusal(Exception):
    """Stripe's answer to a request it does not do: status, type and code of the error, and the parameter."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        code: str = "",
        param: str = "",
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error = {"type": kind, "message": message}
        if code:
            self.error |= {"code": code, "doc_url": f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}"}
        if param:
            self.error["param"] = param
        self.error |= more or {}


def read_form(text: str) -> dict[str, Any]:
    """The nested content of a form: brackets with digits or nothing are lists. Raises Refusal."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text), max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise Refusal("The request body is no form.") from None
    content: dict[str, Any] = {}
    for name, value in pairs:
        shape = _NAME.fullmatch(name)
        if shape is None:
            raise Refusal(f"Invalid parameter name: {name[:40]}", param=name[:40])
        _put(content, [shape[1], *_PART.findall(shape[2])], value, name)
    return {name: _listed(value) for name, value in content.items()}


def _put(content: dict[str, Any], path: list[str], value: str, name: str) -> None:
    for part in path[:-1]:
        content = content.setdefault(part, {})
        if not isinstance(content, dict):
            raise Refusal(f"Invalid object: {name}", param=name)
    last = path[-1] or str(len(content))
    if last in content:
        raise Refusal(f"Parameter given twice: {name}", param=name)
    content[last] = value


def _listed(value: Any) -> Any:
    """Objects whose names are all numbers are lists."""
    if not isinstance(value, dict):
        return value
    if value and all(name.isdigit() for name in value):
        return [_listed(value[name]) for name in sorted(value, key=int)]
    return {name: _listed(inner) for name, inner in value.items()}


class Fields:
    """One object of a form, read by name: what was not read in the end is unknown, and refused."""

    def __init__(self, content: Mapping[str, Any], place: str = "") -> None:
        self._left = dict(content)
        self._place = place

    def _at(self, name: str) -> str:
        return f"{self._place}[{name}]" if self._place else name

    def text(self, name: str, *, most: int = 5000, required: bool = False, among: Iterable[str] = ()) -> str:
        """A text; empty where it is not there."""
        value = self._left.pop(name, "")
        at = self._at(name)
        if not isinstance(value, str):
            raise Refusal(f"Invalid string: {at}", code="parameter_invalid_string", param=at)
        if not value and required:
            raise Refusal(f"Missing required param: {at}.", code="parameter_missing", param=at)
        if len(value) > most:
            raise Refusal(f"{at} is too long.", code="parameter_invalid_string", param=at)
        if value and among and value not in among:
            raise Refusal(f"Invalid {at}: must be one of {', '.join(among)}", param=at)
        return value

    def whole(self, name: str, *, required: bool = False) -> int | None:
        """An integer."""
        value = self._left.pop(name, None)
        at = self._at(name)
        if value is None and required:
            raise Refusal(f"Missing required param: {at}.", code="parameter_missing", param=at)
        if value is not None and (not isinstance(value, str) or _WHOLE.fullmatch(value) is None):
            raise Refusal(f"Invalid integer: {str(value)[:40]}", code="parameter_invalid_integer", param=at)
        return None if value is None else int(value)

    def flag(self, name: str) -> bool:
        """Whether it says `true`; `false` where it is not there."""
        return self.text(name, among=("true", "false")) == "true"

    def texts(self, name: str) -> list[str]:
        """A list of texts."""
        value = self._left.pop(name, [])
        if not isinstance(value, list) or not all(isinstance(inner, str) for inner in value):
            raise Refusal(f"Invalid array: {self._at(name)}", param=self._at(name))
        return value

    def inner(self, name: str) -> "Fields":
        """An object inside; empty where it is not there."""
        value = self._left.pop(name, {})
        if not isinstance(value, dict):
            raise Refusal(f"Invalid object: {self._at(name)}", param=self._at(name))
        return Fields(value, self._at(name))

    def inners(self, name: str) -> list["Fields"]:
        """A list of objects."""
        value = self._left.pop(name, [])
        if not isinstance(value, list) or not all(isinstance(inner, dict) for inner in value):
            raise Refusal(f"Invalid array: {self._at(name)}", param=self._at(name))
        return [Fields(inner, f"{self._at(name)}[{number}]") for number, inner in enumerate(value)]

    def address(self, name: str, *, required: bool = False) -> str:
        """An address of the web."""
        value = self.text(name, required=required)
        if value and (urlsplit(value).scheme not in ("http", "https") or not urlsplit(value).netloc):
            raise Refusal("Not a valid URL", code="url_invalid", param=self._at(name))
        return value

    def metadata(self) -> dict[str, str]:
        """The merchant's own words."""
        value = self._left.pop("metadata", {})
        at = self._at("metadata")
        if not isinstance(value, dict) or len(value) > _MOST_METADATA:
            raise Refusal(f"Invalid {at}", param=at)
        for name, word in value.items():
            if not isinstance(word, str) or len(word) > _LONGEST_METADATA:
                raise Refusal(f"Invalid {at}: {name}", param=at)
        return value

    def done(self) -> None:
        """Raises Refusal where something is left."""
        for name in self._left:
            at = self._at(name)
            raise Refusal(f"Received unknown parameter: {at}", code="parameter_unknown", param=at)
