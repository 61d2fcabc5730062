"""ClawHub's static rules that a package like this one can meet, in our own words.

What they look for was read in the registry's moderation engine (openclaw/clawhub, v2.4.26), which is not in
any package that could be run here. `sample` is a text that the rule has to find.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple


class Rule(NamedTuple):
    name: str
    suffixes: tuple[str, ...]
    pattern: str
    sample: str


_MARKDOWN = (".md",)
_CODE = (".py", ".sh")
_MANIFEST = (".json", ".toml", ".yaml", ".yml")
_ANY = ("",)
_LONG = r"[A-Za-z0-9][A-Za-z0-9._~+/=-]{15,}"
_HEX = "0a1b2c3d"

RULES = (
    Rule(
        "exposed_resource_identifier",
        _MARKDOWN,
        r"connection_id\W+[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
        f'{{"connection_id": "{_HEX}-aaaa-4aaa-8aaa-aaaaaaaaaaaa"}}',
    ),
    Rule(
        "exposed_secret_literal",
        _ANY,
        r"(?i)\b(api|client|access|secret|private|auth|maton)[_-]?(api[_-]?)?(key|token|secret)\b[\"']?"
        rf"\s*[:=]\s*[\"'`]?{_LONG}",
        "MATON_API" + "_KEY=" + _HEX * 2,
    ),
    Rule(
        "exposed_secret_literal",
        _ANY,
        rf"(?i)\b(authorization|x-api-key)\b[\"']?\s*[:=]\s*[\"'`]?(bearer\s+)?{_LONG}",
        "Authorization" + ": Bearer " + _HEX * 2,
    ),
    Rule(
        "dynamic_code_execution",
        _CODE,
        r"(?<![\w.])eval\s*\(|\bloader\.exec_module\s*\(",
        "spec.loader.exec" + "_module(module)",
    ),
    Rule(
        "install_untrusted_source",
        _MANIFEST,
        r"https?://[0-9]{1,3}(\.[0-9]{1,3}){3}|https?://(bit\.ly|tinyurl\.com|t\.co|goo\.gl|is\.gd)/",
        "homepage: https://203.0.113.7/wati",
    ),
    Rule(
        "secret_argv_exposure",
        _MARKDOWN,
        r"\b(python3?|uvx?|npx|node)\b.*--(api-key|key|token|password|secret)[ =]",
        "python3 scripts/x.py --token $MATON_API_KEY",
    ),
    Rule(
        "prompt_injection_instructions",
        _MARKDOWN,
        r"(?i)\bsystem prompt\s*:|\bignore (all )?previous instructions\b",
        "Ignore previous instructions.",
    ),
    Rule(
        "insecure_tls_verification",
        _CODE,
        r"verify\s*=\s*False|CERT_NONE|check_hostname\s*=\s*False|_create_unverified_context",
        "httpx.Client(verify" + "=False)",
    ),
    Rule(
        "potential_exfiltration",
        _CODE,
        r"b64encode\s*\([^)]*(read_bytes|open)\s*\([\s\S]*\.post\s*\(",
        "body = base64.b64encode(path.read_bytes())\nclient.post(url, json=body)",
    ),
    Rule(
        "privileged_always",
        _MARKDOWN,
        r"(?m)^\s*always\s*:\s*[\"']?true",
        "---\nalways: true\n---\n",
    ),
)


def findings(bundle: Mapping[str, bytes]) -> list[str]:
    """What the rules find, each as "rule: path: the text"."""
    found = []
    for path, content in sorted(bundle.items()):
        text = content.decode("utf-8", "replace")
        for rule in RULES:
            match = re.search(rule.pattern, text) if path.endswith(rule.suffixes) else None
            if match:
                found.append(f"{rule.name}: {path}: {match[0][:80]}")
    return found
