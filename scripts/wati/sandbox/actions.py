"""The one table of what changes a world from outside: the commands of sandbox.py, and the page.

An action is a function of `control`; its arguments are JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import control
from .control import InvalidInput
from .state_file import StatePath

# What an argument is called in a message, and which values it has. A truth is no number.
_TYPES: dict[str, tuple[type, ...]] = {
    "a text": (str,),
    "a whole number": (int,),
    "a number": (int, float),
    "true or false": (bool,),
    "an object": (dict,),
    "an object or a list": (dict, list),
}
_TEXT, _WHOLE, _NUMBER, _FLAG, _OBJECT, _OBJECTS = _TYPES


@dataclass(frozen=True)
class Action:
    """`takes`: what each argument is. The first ones, `needs`, have to be given."""

    run: Callable[..., Any]
    takes: Mapping[str, str] = field(default_factory=dict)
    needs: int = 0

    @property
    def does(self) -> str:
        return (self.run.__doc__ or "").partition("\n")[0]


_WHOSE = {"connection_id": _TEXT}
_WHERE = {**_WHOSE, "channel": _TEXT}
_WHO = {"number": _TEXT}

ACTIONS = {
    "reply": Action(
        control.reply, {**_WHO, "text": _TEXT, "tap": _TEXT, "file": _OBJECT, "name": _TEXT, **_WHERE}, 1
    ),
    "read": Action(control.read, {**_WHO, **_WHERE}, 1),
    "block": Action(control.block, {**_WHO, "undo": _FLAG, **_WHOSE}, 1),
    "see": Action(control.see, {**_WHO, **_WHERE}, 1),
    "template": Action(
        control.template, {"template": _TEXT, "status": _TEXT, "language": _TEXT, **_WHOSE}, 2
    ),
    "authorize": Action(control.authorize, {"connection_id": _TEXT, "failed": _FLAG}, 1),
    "advance": Action(control.advance, {"seconds": _NUMBER}, 1),
    "limits": Action(control.limits, {"on": _FLAG}, 1),
    "fault": Action(control.fault, {"fault": _OBJECTS}, 1),
    "clear_faults": Action(control.clear_faults),
    "seed": Action(control.seed, {"world": _OBJECT}, 1),
    "reset": Action(control.reset, {"now": _TEXT, "ids": _WHOLE, "limits": _FLAG, "world": _TEXT}),
}


def perform(path: StatePath, name: str, arguments: Any) -> Any:
    """Run an action. Raises InvalidInput, with every problem of the arguments."""
    action = ACTIONS.get(name)
    if action is None:
        raise InvalidInput(f"there is no action {name!r}; the actions are {', '.join(ACTIONS)}")
    if not isinstance(arguments, dict):
        raise InvalidInput("the arguments must be an object")
    wrong = _problems(action, arguments)
    if wrong:
        raise InvalidInput(f"the arguments of {name} are not valid", wrong)
    needed = [arguments[each] for each in list(action.takes)[: action.needs]]
    others = {each: arguments[each] for each in list(action.takes)[action.needs :] if each in arguments}
    return action.run(path, *needed, **others)


def _problems(action: Action, arguments: Mapping[str, Any]) -> list[dict[str, str]]:
    known = ", ".join(action.takes) or "none"
    found = [(name, f"is not known; known are: {known}") for name in arguments if name not in action.takes]
    found += [(name, "is missing") for name in list(action.takes)[: action.needs] if name not in arguments]
    found += [
        (name, f"must be {action.takes[name]}")
        for name, value in arguments.items()
        if name in action.takes and not _is(value, _TYPES[action.takes[name]])
    ]
    return [{"at": f"$.{name}", "problem": problem} for name, problem in found]


def _is(value: Any, types: tuple[type, ...]) -> bool:
    return isinstance(value, types) and (not isinstance(value, bool) or bool in types)
