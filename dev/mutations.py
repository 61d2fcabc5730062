"""The small changes that `make mutants` makes to a module, and how they are put into a process."""

from __future__ import annotations

import ast
import gc
import sys
import types
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SWAPPED: dict[type[ast.AST], type[ast.AST]] = {
    one: other
    for pair in (
        (ast.Lt, ast.LtE),
        (ast.Gt, ast.GtE),
        (ast.Eq, ast.NotEq),
        (ast.In, ast.NotIn),
        (ast.Is, ast.IsNot),
        (ast.Add, ast.Sub),
        (ast.Mult, ast.Div),
        (ast.BitOr, ast.BitAnd),
    )
    for one, other in (pair, pair[::-1])
}
NAMES = {"min": "max", "max": "min", "any": "all", "all": "any"}
IDLE = ("strip", "lower", "casefold", "upper", "lstrip", "rstrip", "removeprefix", "removesuffix")


@dataclass(frozen=True)
class Mutant:
    """A module's text with one change. `at_import`: it is in what runs at the import.

    `lines`: those that the change is in, or that use the name it is in; none if only other modules do.
    """

    text: str
    lines: frozenset[int]
    at_import: bool


def mutants(source: str) -> Iterator[Mutant]:
    """Every mutant of a module, in the order of its lines."""
    lines = [line.encode() for line in source.splitlines(keepends=True)]
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    whole, seen, tree = source.encode(), {source}, ast.parse(source)
    for node, first, at_import, is_condition in _places(tree, 1, True):
        for after in (*_changed(node), *(("True", "False") if is_condition else ())):
            start = starts[node.lineno - 1] + node.col_offset
            end = starts[(node.end_lineno or 0) - 1] + (node.end_col_offset or 0)
            text = (whole[:start] + after.encode() + whole[end:]).decode()
            if text not in seen:
                seen.add(text)
                ran = _uses(tree, first) if at_import else set(range(first, (node.end_lineno or 0) + 1))
                yield Mutant(text, frozenset(ran), at_import)


def _uses(tree: ast.Module, line: int) -> set[int]:
    """The lines of functions that use what the statement at this line of the module defines."""
    names: set[str] = set()
    found: set[int] = set()
    for statement in tree.body:  # a table may be made of others
        defined = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and _is_stored(node)}
        used = [node for node in ast.walk(statement) if isinstance(node, ast.Name) and node.id in names]
        if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
            found |= {node.lineno for node in used}
        elif statement.lineno == line or used:
            names |= defined
    return found


def _is_stored(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Store)


Place = tuple[ast.expr | ast.stmt, int, bool, bool]


def _places(node: ast.AST, first: int, at_import: bool) -> Iterator[Place]:
    """What can be changed, with the line where its statement begins; nothing that only people read."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or isinstance(child, (ast.JoinedStr, ast.Assert)):
                continue
            if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
                continue
            inside = at_import and not (isinstance(node, (ast.FunctionDef, ast.Lambda)) and name == "body")
            begins = child.lineno if isinstance(child, ast.stmt) else first
            if isinstance(child, (ast.expr, ast.stmt)):
                yield child, begins, inside, name == "test" and not isinstance(node, ast.While)
            yield from _places(child, begins, inside)


def _changed(node: ast.expr | ast.stmt) -> Iterator[str]:
    """The texts to write instead of a node."""
    match node:
        case ast.Expr(value=ast.Call()) | ast.AugAssign() | ast.Raise() | ast.Continue() | ast.Break():
            yield "pass"
        case ast.Return(value=ast.expr() as value) if ast.unparse(value) != "None":
            yield "return None"
        case ast.Compare(left, [operator], [right]) if type(operator) in SWAPPED:
            yield f"({ast.unparse(ast.Compare(left, [SWAPPED[type(operator)]()], [right]))})"
        case ast.Compare(left, [*operators], [*rights]) if len(operators) > 1:
            for at, operator in enumerate(operators):
                other = [*operators[:at], SWAPPED[type(operator)](), *operators[at + 1 :]]
                yield f"({ast.unparse(ast.Compare(left, other, rights))})"
        case ast.BoolOp(operator, values):
            other = ast.And() if isinstance(operator, ast.Or) else ast.Or()
            yield f"({ast.unparse(ast.BoolOp(other, values))})"
            for at in range(len(values)):
                left = values[:at] + values[at + 1 :]
                yield f"({ast.unparse(ast.BoolOp(operator, left) if len(left) > 1 else left[0])})"
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield f"({ast.unparse(operand)})"
        case ast.BinOp(left, operator, right) if type(operator) in SWAPPED:
            yield f"({ast.unparse(ast.BinOp(left, SWAPPED[type(operator)](), right))})"
        case ast.Constant(value=bool() as value):
            yield str(not value)
        case ast.Constant(value=int() | float() as value):
            yield str(value + 1)
        case ast.Constant(value=str() as value) if value and not _is_a_sentence(value):
            yield repr(value + "!")
        case ast.Name(id, ast.Load()) if id in NAMES:
            yield NAMES[id]
        case ast.Tuple(elts, ast.Load()) | ast.List(elts, ast.Load()) | ast.Set(elts) if len(elts) > 1:
            for at in range(len(elts)):
                yield ast.unparse(type(node)(elts=elts[:at] + elts[at + 1 :], ctx=ast.Load()))  # type: ignore[call-arg]
        case ast.Dict(keys, values) if len(keys) > 1:
            for at in range(len(keys)):
                yield ast.unparse(ast.Dict(keys[:at] + keys[at + 1 :], values[:at] + values[at + 1 :]))
        case ast.Call(ast.Attribute(value, name), _) if name in IDLE:
            yield ast.unparse(value)
        case ast.Call(function, arguments, keywords):
            for at in range(len(keywords)):
                yield ast.unparse(ast.Call(function, arguments, keywords[:at] + keywords[at + 1 :]))
        case _:
            pass


def _is_a_sentence(text: str) -> bool:
    return len(text.split()) > 4


# --- putting one in ----------------------------------------------------------------------------------------


def functions(code: types.CodeType, within: str = "") -> Iterator[tuple[str, types.CodeType]]:
    """The code of each function in a compiled module, with its qualified name."""
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            name = within + inner.co_name
            yield name, inner
            is_function = inner.co_flags & 2  # CO_NEWLOCALS: a class's body has it not
            yield from functions(inner, name + (".<locals>." if is_function else "."))


def put_in(mutant: Mutant, file: Path) -> None:
    """Replace what this process has loaded of a module: the code of its functions, and its tables."""
    compiled = compile(mutant.text, str(file), "exec")
    found: dict[str, list[types.CodeType]] = defaultdict(list)
    for name, code in functions(compiled):
        found[name].append(code)
    loaded: dict[str, dict[types.CodeType, list[types.FunctionType]]] = defaultdict(dict)
    for each in gc.get_objects():
        if isinstance(each, types.FunctionType) and each.__code__.co_filename == str(file):
            loaded[each.__qualname__].setdefault(each.__code__, []).append(each)
    for name, by_code in loaded.items():
        in_order, new = sorted(by_code, key=lambda code: code.co_firstlineno), found.get(name, [])
        for at, code in enumerate(in_order if len(new) == len(by_code) else ()):  # else one was removed
            for function in by_code[code]:
                function.__code__ = new[at]
    if mutant.at_import:
        (module,) = (each for each in [*sys.modules.values()] if getattr(each, "__file__", "") == str(file))
        fresh = types.ModuleType(module.__name__)
        exec(compiled, fresh.__dict__)
        replace(vars(module), vars(fresh), module.__name__)


def replace(loaded: dict[str, Any], fresh: dict[str, Any], module: str) -> None:
    """The values of a module, wherever they were imported, of its classes, and its functions' defaults."""
    for name, new in fresh.items():
        old = loaded.get(name)
        if isinstance(new, types.FunctionType) and isinstance(old, types.FunctionType):
            old.__defaults__, old.__kwdefaults__ = new.__defaults__, new.__kwdefaults__
        elif isinstance(new, type) and new.__module__ == module:
            for member, value in vars(new).items():
                if isinstance(value, types.FunctionType):
                    replace({member: vars(old).get(member)}, {member: value}, module)
                elif not member.startswith("__") and isinstance(value, (str, int, float, tuple, frozenset)):
                    setattr(old, member, value)
        elif not name.startswith("__") and type(new).__module__ != module and new != old:
            for holder in [*sys.modules.values()]:
                if vars(holder).get(name) is old:
                    vars(holder)[name] = new
