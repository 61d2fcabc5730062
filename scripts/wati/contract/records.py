"""Classes that are plain data. Type checkers see dataclasses; at run time, importing those costs too much."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dataclasses import dataclass as record
else:

    def record(cls):
        """Give the class an `__init__` that takes its annotated members, in order or by name."""
        names = [name for base in reversed(cls.__mro__) for name in getattr(base, "__annotations__", ())]

        def __init__(self, *values, **given):
            given |= zip(names, values, strict=False)
            for name in dict.fromkeys(names):
                setattr(self, name, given.pop(name) if name in given else getattr(cls, name))
            if given:
                raise TypeError(f"{cls.__name__} has no member {', '.join(given)}")
            if hasattr(cls, "__post_init__"):
                self.__post_init__()

        cls.__init__ = __init__
        return cls


__all__ = ["record"]
