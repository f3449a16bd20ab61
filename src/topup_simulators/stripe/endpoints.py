"""Webhook endpoints: where events go. All of them have the merchant's one secret, which is in the ready line's file."""

import json
import secrets
import sqlite3
from datetime import UTC, datetime
from typing import Final

from topup_simulators.post import is_on_this_machine
from topup_simulators.store import Store
from topup_simulators.stripe.forms import Fields, Refusal
from topup_simulators.stripe.render import Object, listed

_BEFORE_ANYBODY_CAME: Final = "http://127.0.0.1"


class Endpoints:
    """Answers `/v1/webhook_endpoints`."""

    def __init__(self, *, store: Store, secret: str) -> None:
        self._store = store
        self._secret = secret

    def create(self, fields: Fields) -> Object:
        """Send events of what is made from now on there."""
        url, events = fields.address("url", required=True), fields.texts("enabled_events")
        fields.text("api_version")
        fields.text("description")
        fields.done()
        if not events:
            raise Refusal("Missing required param: enabled_events.", code="parameter_missing", param="enabled_events")
        if not is_on_this_machine(url):
            raise Refusal("A simulator posts to this machine only.", code="url_invalid", param="url")
        identifier, now = f"we_{secrets.token_hex(12)}", datetime.now(UTC).timestamp()
        self._store.write(
            "INSERT INTO endpoints (id, url, events, created) VALUES (?, ?, ?, ?)",
            (identifier, url, json.dumps(events), now),
        )
        return {**self._one(identifier), "secret": self._secret}

    def page(self, fields: Fields) -> Object:
        """All of them."""
        fields.whole("limit")
        fields.done()
        rows = self._store.all("SELECT * FROM endpoints ORDER BY created DESC")
        made = [_endpoint(row) for row in rows] or [self._first()]
        return listed(made, more=False, url="/v1/webhook_endpoints")

    def _first(self) -> Object:
        """Where events go while the merchant made none: to a shop of ours at the address payers last came from."""
        home = self._store.one("SELECT origin FROM home")
        origin = _BEFORE_ANYBODY_CAME if home is None else str(home["origin"])
        return {
            "id": "we_first",
            "object": "webhook_endpoint",
            "created": 0,
            "enabled_events": ["*"],
            "livemode": False,
            "status": "enabled",
            "url": f"{origin}/webhooks/stripe",
        }

    def delete(self, identifier: str) -> Object:
        """Send nothing more there."""
        self._one(identifier)
        self._store.write("DELETE FROM endpoints WHERE id = ?", (identifier,))
        return {"id": identifier, "object": "webhook_endpoint", "deleted": True}

    def _one(self, identifier: str) -> Object:
        row = self._store.one("SELECT * FROM endpoints WHERE id = ?", (identifier,))
        if row is None:
            raise Refusal("No such webhook endpoint", status=404, code="resource_missing", param="id")
        return _endpoint(row)


def _endpoint(row: sqlite3.Row) -> Object:
    return {
        "id": row["id"],
        "object": "webhook_endpoint",
        "created": int(row["created"]),
        "enabled_events": json.loads(row["events"]),
        "livemode": False,
        "status": "enabled",
        "url": row["url"],
    }
