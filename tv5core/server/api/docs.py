"""``/docs``: the routes as a page for people, without a file from elsewhere."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from html import escape
from typing import Any

__all__ = ["docs_page", "docs_policy"]

_STYLE = """
:root{color-scheme:light dark}
body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
h2{margin-top:2.5rem;font-size:1.15rem;border-top:1px solid #8886;padding-top:1rem}
code{font:0.95em ui-monospace,monospace;overflow-wrap:anywhere}
.m{font-weight:700}table{border-collapse:collapse;width:100%;margin:.5rem 0}
th,td{text-align:left;vertical-align:top;padding:.3rem .6rem .3rem 0;border-bottom:1px solid #8884}
@media(max-width:36rem){td,th{display:block;border:0;padding:.1rem 0}tr{display:block;
border-bottom:1px solid #8884}thead{display:none}}
"""


def docs_policy() -> str:
    """Return the page's Content-Security-Policy: its own style, and nothing else."""
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def docs_page(described: Mapping[str, Any]) -> bytes:
    """Return the page of a description of routes."""
    info = described["info"]
    sections = "".join(
        _section(method, path, operation)
        for path, operations in described["paths"].items()
        for method, operation in operations.items()
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(info['title'])}: routes</title><style>{_STYLE}</style></head><body><main>"
        f"<h1>{escape(info['title'])} {escape(info['version'])}</h1>"
        f"<p>{escape(info['description'])} The same for programs: "
        f'<a href="/openapi.json">openapi.json</a>.</p>{sections}</main></body></html>'
    ).encode()


def _section(method: str, path: str, operation: Mapping[str, Any]) -> str:
    statuses = ", ".join(operation["responses"])
    body = operation.get("requestBody")
    taken = "" if body is None else f"<p>Body: <code>{escape(_schema(body))}</code></p>"
    answer = _schema(next(iter(operation["responses"].values())))
    return (
        f'<section><h2><code><span class="m">{method.upper()}</span> {escape(path)}</code></h2>'
        f"<p>{escape(operation['summary'])}.{_access(operation)}</p>{_table(operation)}{taken}"
        f"<p>Answers <code>{escape(answer)}</code>; statuses {statuses}.</p></section>"
    )


def _access(operation: Mapping[str, Any]) -> str:
    said = {"admin": " Needs the administrator's token.", "hook": " Needs a signature."}
    return said.get(operation["tags"][0], "")


def _schema(part: Mapping[str, Any]) -> str:
    content = next(iter(part["content"].values()))
    return str(content["schema"].get("$ref", "text")).rpartition("/")[2]


def _table(operation: Mapping[str, Any]) -> str:
    rows = "".join(_row(parameter) for parameter in operation["parameters"])
    head = "<thead><tr><th>parameter</th><th>accepts</th><th>means</th></tr></thead>"
    return f"<table>{head}<tbody>{rows}</tbody></table>" if rows else ""


def _row(parameter: Mapping[str, Any]) -> str:
    need = " (required)" if parameter["required"] else ""
    return (
        f"<tr><td><code>{escape(parameter['name'])}</code>{need}</td>"
        f"<td>{escape(_accepts(parameter['schema']))}</td>"
        f"<td>{escape(parameter.get('description', ''))}</td></tr>"
    )


def _accepts(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        said = ", ".join(str(each) for each in schema["enum"])
    elif "minimum" in schema and "maximum" in schema:
        said = f"{schema['type']} from {schema['minimum']} to {schema['maximum']}"
    elif schema.get("type") == "array":
        said = "values separated by commas"
    else:
        said = str(schema.get("type", "text"))
    return said + (f"; {schema['default']} by default" if "default" in schema else "")
