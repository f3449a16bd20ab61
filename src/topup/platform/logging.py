"""Logs without personal data: JSON lines in production, readable lines in a demonstration.

Promise: no phone number, card, e-mail address, secret, token or request path reaches a log, whoever writes the line:
ours, a library's, an exception's. Ids of ours keep their kind, time and lane and lose their chance, because an order's
id is its payer's capability.
"""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Final, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

_WORDS: Final = frozenset(
    (
        *("msisdn", "number", "phone", "contact", "email", "address", "iccid", "imsi"),
        *("pin", "secret", "token", "password", "authorization", "cookie"),
        *("path", "url", "query", "body", "headers", "referer"),
    )
)
"""A key with one of these among its words is dropped whole, whatever its value."""

_DEEPEST: Final = 6
_LONGEST: Final = 20_000
_SHORTEST_NUMBER: Final = 10**7

_PATTERNS: Final = (
    # What a database says of the row that broke a rule, and with which parameters: whole lines.
    (re.compile(r"^(DETAIL|CONTEXT):.*(?:\n(?![A-Z]+:).*)*", re.MULTILINE), r"\1: [dropped]"),
    (re.compile(r"://[^/\s@]*@"), "://[credentials]@"),
    (re.compile(r"(?i)(bearer|basic)\s+[\w.~+/=-]{8,}"), r"\1 [token]"),
    (re.compile(r"(?i)(password|passwd|secret|token|\bpin)(\s*[=:]\s*)\S+"), r"\1\2[secret]"),
    (re.compile(r"[^\s@<>\"'(),;:]+@[^\s@<>\"'(),;:]+\.\w+"), "[e-mail]"),
    (re.compile(r"(?<![\w-])(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[\w-]{32,}"), "[token]"),
)
_DIGITS: Final = re.compile(
    # An id of ours: three letters, then ten of time, two of lane, fourteen of chance, which go.
    r"\b(?P<id>[a-z]{3}_[0-9a-hjkmnp-tv-z]{12})[0-9a-hjkmnp-tv-z]{14}\b"
    r"|(?P<date>(?<!\d)\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?(?![\d-]))"
    # Seven digits in a row wherever they stand, or with what people write between them.
    r"|\+?\d{7,}|\+?\(?(?<!\d)\d(?:[ \-().\u00a0\u3000]{0,2}\d){6,}"
)


def configure_logging(*, level: str, console: bool, stream: TextIO = sys.stderr) -> None:
    """Send all logs of this process to `stream`, ours and libraries', from `level` (a Settings.log_level) on."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.format_exc_info,
        redact,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    last: Processor = (
        structlog.dev.ConsoleRenderer(colors=stream.isatty()) if console else structlog.processors.JSONRenderer()
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    _quieten()


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The processor: what may not be written is dropped or masked, at any depth."""
    kept = {key: _clean(value, 0) for key, value in event.items() if not _personal(key)}
    return _restore(event, kept)


def masked(text: str) -> str:
    """`text` without what identifies a person or opens a door."""
    text = text[:_LONGEST]
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return _DIGITS.sub(_mask, text)


def _mask(found: re.Match[str]) -> str:
    return f"{found['id']}…" if found["id"] else found["date"] or "[number]"


def _restore(event: EventDict, kept: MutableMapping[str, Any]) -> EventDict:
    """Keep structlog's own entries (`_record`, `_from_structlog`) as the objects they are."""
    return {**kept, **{key: value for key, value in event.items() if key.startswith("_")}}


def _personal(key: object) -> bool:
    return not _WORDS.isdisjoint(re.split(r"[^a-z]+", str(key).lower()))


def _clean(value: Any, depth: int) -> Any:
    # Eight digits and more may be a number that somebody answers.
    if value is None or isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < _SHORTEST_NUMBER):
        return value
    if depth >= _DEEPEST:
        return "[deep]"
    if isinstance(value, Mapping):
        return {masked(str(key)): _clean(each, depth + 1) for key, each in value.items() if not _personal(key)}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(each, depth + 1) for each in value]
    if isinstance(value, bytes | bytearray | memoryview):
        return f"[{len(value)} bytes]"
    return masked(str(value))


def _quieten() -> None:
    """Libraries whose lines hold addresses of requests say only what goes wrong; access logs are ours to write."""
    for name in ("httpx", "httpcore", "uvicorn.error", "alembic", "asyncio"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # What psycopg ignores on the way out of a pipeline is raised to us as well, and its line quotes rows.
    logging.getLogger("psycopg").setLevel(logging.CRITICAL)
    access = logging.getLogger("uvicorn.access")
    access.handlers = []
    access.propagate = False
