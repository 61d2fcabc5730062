"""Times and JSON as text."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_LATEST = 221_845_392_000.0  # the year 9000: datetime ends at 9999, and windows are added to it


def moment(at: float) -> datetime:
    """Epoch seconds as UTC, held within the years that can be written down."""
    return _EPOCH + timedelta(seconds=min(max(at, 0.0), _LATEST))


def iso(at: float, precision: str = "milliseconds") -> str:
    return moment(at).isoformat(timespec=precision).replace("+00:00", "Z")


def epoch(text: str) -> float:
    """An ISO date or time, in UTC unless it has another offset. Raises ValueError."""
    value = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    return (value if value.tzinfo else value.replace(tzinfo=timezone.utc)).timestamp()


def dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
