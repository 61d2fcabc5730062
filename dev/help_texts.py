"""The arguments of a script as `--help` shows them: one line for each member of its schema."""

from __future__ import annotations

import json
from typing import Any

from wati.arguments.pairs import are_pairs


def help_text(name: str, schema: dict[str, Any]) -> str:
    """The purpose of the script, its arguments and examples."""
    arguments = [f" '{json.dumps(each, ensure_ascii=False)}'" if each else "" for each in schema["examples"]]
    examples = [f"  {name}.py{each}" for each in arguments]
    sections = [
        f"{schema['title']}. {schema['description']}",
        "arguments (members of one JSON object):\n" + (_members(schema) or "  none"),
        "examples:\n" + "\n".join(examples),
    ]
    return "\n\n".join(sections) + "\n"


def _members(schema: dict[str, Any], depth: int = 1) -> str:
    """A line for every member: type, whether it is required, description. Nested members are indented."""
    lines = []
    for name, member in schema.get("properties", {}).items():
        inner = member.get("items", member)
        kind = f"list of {inner.get('type')}s" if member.get("type") == "array" else member.get("type")
        kind += ", or one object of names and values" if are_pairs(member) else ""
        choice = f", one of {', '.join(map(str, member['enum']))}" if "enum" in member else ""
        needed = ", required" if name in schema.get("required", []) else ""
        default = f", default {member['default']}" if "default" in member else ""
        facts = f"{kind}{needed}{_limits(member)}{default}{choice}"
        said = f": {member['description']}" if "description" in member else ""
        lines.append(f"{'  ' * depth}{name} ({facts}){said}")
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
