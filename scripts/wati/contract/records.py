"""Classes that are plain data. Type checkers see dataclasses; at run time, importing those costs too much."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dataclasses import dataclass as record
else:

    def record(cls):
        """Give the class an `__init__` that takes its annotated members, in order or by name."""
        bases = reversed(cls.__mro__)
        names = dict.fromkeys(name for base in bases for name in getattr(base, "__annotations__", ()))
        defaults = {name: getattr(cls, name) for name in names if hasattr(cls, name)}

        def __init__(self, *values, **given):
            in_order = dict(zip(names, values, strict=False))
            members = {**defaults, **in_order, **given}
            if wrong := (in_order.keys() & given) | (members.keys() ^ names.keys()):
                raise TypeError(f"{cls.__name__}: {', '.join(wrong)} is unknown, missing or given twice")
            for name in names:
                setattr(self, name, members[name])
            if hasattr(cls, "__post_init__"):
                self.__post_init__()

        cls.__init__ = __init__
        return cls


__all__ = ["record"]
