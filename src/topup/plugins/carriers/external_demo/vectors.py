"""Test vectors of the simulated carrier's callbacks, made once with a secret that is used for nothing else."""

from datetime import UTC, datetime, timedelta
from typing import Final

from topup.platform.plugs import Vector

KEY: Final = "vectors"
SECRET: Final = "de15a3f8b4fcb70e11ed427ed11f9cb6c9f2ee73f7e77b0ca3225cbf9d982d04"  # noqa: S105 - it guards these vectors and nothing else
_SIGNED_AT: Final = datetime(2026, 11, 20, 8, tzinfo=UTC)

# Name, whether it must verify, key, time, signature, body, and how many seconds after 08:00:00 it is received.
_ROWS: Final = (
    (
        "a delivery",
        True,
        KEY,
        "1795161600000",
        "aa1d29382a6e5965fed552c0715681c154d93d1a32bd256b2e6a72e4d98f5ea6",
        '{"event_id":"cb-1","external_id":"ful_06b2c3d4e5f6g7h8j9kamnpqrs","code":"COMPLETED","reference":"EC1"}',
        0,
    ),
    (
        "a reversal, with a field we do not know",
        True,
        KEY,
        "1795161600000",
        "43335a0186053ca8b1e68054744bb753f2f87d9dcc1cf2bad4bc516146ab913f",
        '{"event_id":"cb-2","external_id":"ful_06b2c3d4e5f6g7h8j9kamnpqrs","code":"REVERSED","reference":"EC1","note":"退回"}',
        0,
    ),
    (
        "a refusal",
        True,
        KEY,
        "1795161600000",
        "91104bfa523de35cbe4b7e8350e1487ba596d0502fa638b24b6e8c2e734ba3b0",
        '{"event_id":"cb-3","external_id":"ful_06b2c3d4e5f6g7h8j9kamnpqrs","code":"NUMBER_SUSPENDED","reference":"EC2"}',
        0,
    ),
    (
        "taken in",
        True,
        KEY,
        "1795161600000",
        "91c63575d879847fb447b0051509b899b7935bb8e5967a2265092962f5eaf068",
        '{"event_id":"cb-4","external_id":"ful_06b2c3d4e5f6g7h8j9kamnpqrs","code":"SUBMITTED","reference":"EC3"}',
        0,
    ),
    (
        "a code we do not know",
        True,
        KEY,
        "1795161600000",
        "e17a76e0d9bda81ead25849ea93425f7fffc3157d09fff3220b0ae0c35affc34",
        '{"event_id":"cb-5","external_id":"ful_06b2c3d4e5f6g7h8j9kamnpqrs","code":"ON_THE_MOON"}',
        0,
    ),
    (
        "five minutes old",
        True,
        KEY,
        "1795161600000",
        "7cd341aa8d0b4af0eaeb9b1e8b411dd7237f97c5a77ca6f63eed40f39d958d8c",
        '{"event_id":"cb-6","external_id":"ful_06b2c3d4e5f6g7h8j9kamnpqrs","code":"COMPLETED","reference":"EC1"}',
        300,
    ),
    (
        "five minutes ahead",
        True,
        KEY,
        "1795161600000",
        "e9ab29b08c9a2be907c34ae2bcf55cfa0b0df1411b98dd175ed78ae2e5087588",
        '{"event_id":"cb-7","external_id":"ful_06b2c3d4e5f6g7h8j9kamnpqrs","code":"COMPLETED","reference":"EC1"}',
        -300,
    ),
    (
        "older than five minutes",
        False,
        KEY,
        "1795161600000",
        "b8cab464ebe760d4f7d40844e2ab9f9abcbee2159f7ffbdbcef32328d0bdea90",
        '{"event_id":"cb-8","external_id":"ful_06b2c3d4e5f6g7h8j9kamnpqrs","code":"COMPLETED","reference":"EC1"}',
        301,
    ),
    (
        "more than five minutes ahead",
        False,
        KEY,
        "1795161600000",
        "7e48dcacf8a0b3bfa809af5f2a99efa079a587f5ff4753ff8fb6aff223cbc9b5",
        '{"event_id":"cb-9","external_id":"ful_06b2c3d4e5f6g7h8j9kamnpqrs","code":"COMPLETED","reference":"EC1"}',
        -301,
    ),
    (
        "signed as something else than a callback",
        False,
        KEY,
        "1795161600000",
        "7711d3d65843be7818c838bc0783883add8ca24eea08e088212a5e9b600f2d9e",
        '{"event_id":"cb-10","external_id":"ful_06b2c3d4e5f6g7h8j9kamnpqrs","code":"COMPLETED","reference":"EC1"}',
        0,
    ),
    (
        "not JSON",
        False,
        KEY,
        "1795161600000",
        "0c41f6b24929d0dd760f5d004170c075001c2a5ab2cc170f012935caa8ca2d1c",
        "COMPLETED",
        0,
    ),
    (
        "a code that is no text",
        False,
        KEY,
        "1795161600000",
        "8a8dd577f1d3d877f987b40a47386ca511a8a0edfc9fad16c3948c8e095eb37e",
        '{"event_id":"cb-11","external_id":"ful_06b2c3d4e5f6g7h8j9kamnpqrs","code":7}',
        0,
    ),
    (
        "no signature",
        False,
        KEY,
        "1795161600000",
        "",
        '{"event_id":"cb-12","external_id":"ful_06b2c3d4e5f6g7h8j9kamnpqrs","code":"COMPLETED","reference":"EC1"}',
        0,
    ),
    (
        "another key",
        False,
        "somebody",
        "1795161600000",
        "ae908181abda2a6fab3f8aaeb1a7158a1d628cc7168a120dd306fd1559ddf3d4",
        '{"event_id":"cb-13","external_id":"ful_06b2c3d4e5f6g7h8j9kamnpqrs","code":"COMPLETED","reference":"EC1"}',
        0,
    ),
    (
        "a time that is none",
        False,
        KEY,
        "yesterday",
        "8be8af7c2604efdc897884b9c8517e09ef7e2f391f7852c130e505c71d481915",
        '{"event_id":"cb-14","external_id":"ful_06b2c3d4e5f6g7h8j9kamnpqrs","code":"COMPLETED","reference":"EC1"}',
        0,
    ),
)

VECTORS: Final = tuple(
    Vector(
        name,
        {"x-api-key": key, "x-api-time": time, "x-api-mac": mac},
        body.encode(),
        accepted,
        _SIGNED_AT + timedelta(seconds=later_s),
    )
    for name, accepted, key, time, mac, body, later_s in _ROWS
)
