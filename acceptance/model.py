"""A scripted language model with the API of OpenAI's chat completions, streamed or not."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from loopback import Answer, Request, as_json

FINISHED = "All steps are done."


class Step(NamedTuple):
    """One call of a tool. {skill} in `arguments` is replaced by the folder of the skill."""

    tool: str
    arguments: dict[str, Any]


class ScriptedModel:
    """Calls one tool after the other, then says FINISHED. `requests`: everything that it received."""

    def __init__(self, steps: Sequence[Step] = ()) -> None:
        self.url = ""
        self.steps = steps
        self.requests: list[dict[str, Any]] = []

    def answer(self, request: Request) -> Answer:
        if request.path != "/v1/chat/completions":
            return as_json({"error": f"the model of the tests has no {request.path}"}, 404)
        wanted = request.json
        self.requests.append(wanted)
        message = self._next(wanted)
        return _streamed(message) if wanted.get("stream") else as_json(_completion("message", message))

    @property
    def catalogue(self) -> dict[str, str]:
        """The skills in the first system prompt: the location of each SKILL.md by the name of the skill."""
        entry = re.compile(r"<skill>.*?<name>(.*?)</name>.*?<location>(.*?)</location>", re.DOTALL)
        return dict(entry.findall(_system_prompt(self.requests[0])))

    @property
    def shown(self) -> list[str]:
        """What the tools answered, in the order of the steps."""
        return [
            _text(message["content"])
            for message in self.requests[-1]["messages"]
            if message["role"] == "tool"
        ]

    def _next(self, wanted: dict[str, Any]) -> dict[str, Any]:
        done = sum(message["role"] == "tool" for message in wanted["messages"])
        # OpenClaw also asks for summaries, without tools.
        if not wanted.get("tools") or done >= len(self.steps):
            return {"role": "assistant", "content": FINISHED}
        tool, arguments = self.steps[done]
        offered = {entry["function"]["name"] for entry in wanted["tools"]}
        if tool not in offered:
            return {"role": "assistant", "content": f"There is no tool {tool} among {sorted(offered)}."}
        text = json.dumps(arguments)
        if "{skill}" in text:
            location = self.catalogue.get("wati")
            if location is None:
                return {"role": "assistant", "content": "There is no skill called wati."}
            text = text.replace("{skill}", json.dumps(location.removesuffix("/SKILL.md"))[1:-1])
        function = {"name": tool, "arguments": text}
        call = {"index": 0, "id": f"call_{done}", "type": "function", "function": function}
        return {"role": "assistant", "content": None, "tool_calls": [call]}


def _system_prompt(request: dict[str, Any]) -> str:
    roles = ("system", "developer")
    return "\n".join(_text(entry["content"]) for entry in request["messages"] if entry["role"] in roles)


def _text(content: Any) -> str:
    """The text of a content, which is a text or a list of parts."""
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content or [])


def _completion(member: str, message: dict[str, Any]) -> dict[str, Any]:
    reason = "tool_calls" if message.get("tool_calls") else "stop"
    choice = {"index": 0, member: message, "finish_reason": reason}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    kind = "chat.completion" if member == "message" else "chat.completion.chunk"
    return {"id": "c", "object": kind, "created": 1, "model": "scripted", "choices": [choice], "usage": usage}


def _streamed(message: dict[str, Any]) -> Answer:
    chunk = json.dumps(_completion("delta", message))
    return Answer(f"data: {chunk}\n\ndata: [DONE]\n\n".encode(), "text/event-stream")
