"""What this process counts, for Prometheus. Labels are route templates, methods and statuses: nothing personal, few."""

from functools import lru_cache
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, Counter, Histogram, generate_latest

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BUCKETS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

_REQUESTS: Final = Histogram(
    "topup_http_request_seconds",
    "Time to answer a request, by route template, method and status.",
    ("route", "method", "status"),
    buckets=_BUCKETS_S,
)
_PROBLEMS: Final = Counter("topup_http_problems", "Problem documents and pages given, by code.", ("code",))
_QUARANTINED: Final = Counter("topup_events_quarantined", "Events that did not verify, by plugin.", ("plugin",))
_PARKED: Final = Counter(
    "topup_items_parked", "Items and events put aside because they could not be settled, by place.", ("place",)
)


def request_answered(*, route: str, method: str, status: int, duration_s: float) -> None:
    """Count one answered request. `route` is a template such as `/api/v1/orders/{id}`, never a path."""
    _series(route, method if method in _METHODS else "OTHER", status).observe(duration_s)


def problem_given(*, code: str) -> None:
    """Count one problem told to a caller."""
    _PROBLEMS.labels(code).inc()


def event_quarantined(*, plugin: str) -> None:
    """Count one event that did not verify. `plugin` is one that is installed, never what a caller wrote."""
    _QUARANTINED.labels(plugin).inc()


def item_parked(*, place: str) -> None:
    """Count one item put aside: by a batcher (its name), or by a post room (`event:` and the plugin)."""
    _PARKED.labels(place).inc()


@lru_cache(maxsize=4096)
def _series(route: str, method: str, status: int) -> Histogram:
    return _REQUESTS.labels(route, method, str(status))


def exposition() -> tuple[bytes, str]:
    """Everything counted in this process, and its content type."""
    return generate_latest(REGISTRY), CONTENT_TYPE_LATEST
