"""What is kept about somebody as one file: a page to be read by people, and JSON for machines."""

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

from topup.platform.i18n import language_tag, translate

_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem;color:#1b211e}"
    "dl{border-top:1px solid #d9d3c5;padding:.5rem 0;margin:0;display:grid;"
    "grid-template-columns:10rem minmax(0,1fr);gap:.25rem 1rem}"
    "dl dl{grid-column:2}dt{color:#58615b}dd{margin:0;overflow-wrap:anywhere}"
    "@media(max-width:36rem){dl{grid-template-columns:6rem minmax(0,1fr)}dl dl{display:block}}"
)


def bundle(held: Mapping[str, Any], *, locale: str) -> bytes:
    """A ZIP with `topup.html` in one of our languages and `topup.json`; `held` as `Leaving.held` gives it."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("topup.html", as_page(held, locale=locale))
        packed.writestr("topup.json", json.dumps(held, ensure_ascii=False, indent=2))
    return file.getvalue()


def as_page(held: Mapping[str, Any], *, locale: str) -> str:
    """The same as HTML that needs nothing beside it."""
    parts = [f"<p>{_text(locale, 'made', at=held['made_at'])}</p>"]
    for kind, records in held.items():
        if kind != "made_at":
            parts.append(f"<h2>{_text(locale, f'kind.{kind}')}</h2>")
            parts += [_record(record, locale) for record in records] or [f"<p>{_text(locale, 'none')}</p>"]
    title = _text(locale, "title")
    return (
        f'<!doctype html><html lang="{language_tag(locale)}"><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{title}</title>'
        f"<style>{_STYLE}</style><h1>{title}</h1>{''.join(parts)}</html>"
    )


def _record(record: Mapping[str, Any], locale: str) -> str:
    rows = [
        f"<dt>{_text(locale, f'field.{name}')}</dt><dd>{_value(value, locale)}</dd>" for name, value in record.items()
    ]
    return f"<dl>{''.join(rows)}</dl>"


def _value(value: object, locale: str) -> str:
    if value is None or value in ("", []):
        return "–"
    if isinstance(value, bool):
        return _text(locale, "yes" if value else "no")
    if isinstance(value, Mapping):
        return escape(json.dumps(value, ensure_ascii=False))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "".join(_record(one, locale) if isinstance(one, Mapping) else _value(one, locale) for one in value)
    return escape(str(value))


def _text(locale: str, message_id: str, **parameters: object) -> str:
    return escape(translate(locale, "personal", message_id, **parameters))
