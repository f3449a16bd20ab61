"""How a simulator tells a merchant something: one POST, and whether it was heard."""

from collections.abc import Mapping
from typing import Final

import httpx

_PATIENCE_S: Final = 5.0


class Poster:
    """Posts to addresses on this machine only: a simulator has no business anywhere else."""

    def __init__(self) -> None:
        self._client = httpx.AsyncClient(timeout=_PATIENCE_S, trust_env=False, limits=httpx.Limits(max_connections=32))

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes] | None:
        """Status and body of the answer, or None where there was none."""
        try:
            response = await self._client.post(url, headers=dict(headers), content=body)
        except (httpx.HTTPError, httpx.InvalidURL):
            return None
        return response.status_code, response.content


def is_on_this_machine(url: str) -> bool:
    """Whether an address may be posted to."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return False
    return parsed.scheme in ("http", "https") and parsed.host in ("127.0.0.1", "localhost", "::1")
