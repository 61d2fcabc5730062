"""The text of `--help`: how an agent learns a script. Built from the schema, the flags and the exit codes."""

from __future__ import annotations

import json

from wati.failures import EXITS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wati.endpoint import Endpoint

# The variables that the code reads; references/setup.md says what each is for.
ENVIRONMENT = (
    "MATON_API_KEY",
    "MATON_CONNECTION_ID",
    "MATON_BASE_URL",
    "WATI_READ_ONLY",
    "WATI_ALLOWED_RECIPIENTS",
    "WATI_FILE_ROOTS",
    "WATI_JOURNAL",
    "WATI_SANDBOX_STATE",
)


def schema_text(endpoint: Endpoint) -> str:
    with open(endpoint.schema_file, encoding="utf-8") as file:
        return file.read().rstrip("\n")


def help_text(endpoint: Endpoint) -> str:
    from wati.options import FLAGS, flags_of

    schema = json.loads(schema_text(endpoint))
    flags = [(f"--{name} {FLAGS[name][0]}".strip(), _meaning(endpoint, name)) for name in flags_of(endpoint)]
    sections = [
        f"usage: {endpoint.name}.py [flags] ['{{…}}' | @FILE | -]",
        f"{schema['title']}. {schema['description']}",
        f"{endpoint.does} Prints one JSON document.",
        "arguments (members of one JSON object):\n" + (_members(schema) or "  none"),
        "flags:\n" + _table(flags),
        "environment (references/setup.md):\n  " + ", ".join(ENVIRONMENT),
        "exit codes:\n" + _table([(str(code), meaning) for code, meaning in EXITS.items()]),
        "examples:\n"
        + "\n".join(
            f"  {endpoint.name}.py '{json.dumps(example, ensure_ascii=False)}'"
            for example in schema["examples"]
        ),
    ]
    return "\n\n".join(sections)


def _meaning(endpoint: Endpoint, flag: str) -> str:
    from wati.options import FLAGS

    meaning = FLAGS[flag][1]
    if flag == "timeout" and endpoint.patience is not None:
        return f"{meaning.partition(' (')[0]} (default {endpoint.patience:g})"
    return meaning


def _members(schema: dict[str, Any], depth: int = 1) -> str:
    """Every member with its type, whether it is required, and its description; nested ones indented."""
    lines = []
    for name, member in schema.get("properties", {}).items():
        inner = member.get("items", member)
        kind = f"list of {inner.get('type')}s" if member.get("type") == "array" else member.get("type")
        choice = f", one of {', '.join(map(str, member['enum']))}" if "enum" in member else ""
        needed = ", required" if name in schema.get("required", []) else ""
        default = f", default {member['default']}" if "default" in member else ""
        facts = f"{kind}{needed}{_limits(member)}{default}{choice}"
        lines.append(f"{'  ' * depth}{name} ({facts}): {member.get('description', '')}")
        if inner.get("properties"):
            lines.append(_members(inner, depth + 1))
    return "\n".join(lines)


def _limits(member: dict[str, Any]) -> str:
    for least, most, unit in (
        ("minLength", "maxLength", " characters"),
        ("minItems", "maxItems", " items"),
        ("minimum", "maximum", ""),
    ):
        if most in member:
            return f", {member.get(least, 0)}-{member[most]}{unit}"
    return ""


def _table(rows: list[tuple[str, str]]) -> str:
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"  {name:<{width}}  {meaning}" for name, meaning in rows)
