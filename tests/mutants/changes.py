"""Every small change of a file that could be a mistake: a comparison turned, `and` for `or`, a number by one, …"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
OPERATIONS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
}
UNSEEN = ("frozen", "slots", "maxsize", "strict")
"""Arguments of `dataclass`, `lru_cache` and `zip` that make no difference while all else is right."""


@dataclass(frozen=True, slots=True)
class Change:
    """`function` is the qualified name of the place, empty at the top of a file. `number` tells the same change of
    the same text in one function apart. `start` and `end` are offsets of bytes."""

    function: str
    line: int
    old: str
    new: str
    start: int
    end: int
    number: int = 1

    @property
    def words(self) -> str:
        return f"{self.old} → {self.new}" + (f" ({self.number})" if self.number > 1 else "")

    def applied(self, source: bytes) -> bytes:
        return source[: self.start] + f"({self.new})".encode() + source[self.end :]


def changes(source: str) -> list[Change]:
    """In the order of the file. Annotations, docstrings and `frozen` and `slots` are left as they are."""
    finder = _Finder(source.encode())
    finder.visit(ast.parse(source))
    seen: Counter[tuple[str, str, str]] = Counter()
    found = []
    for each in sorted(finder.found, key=lambda c: (c.start, c.end, c.new)):
        key = each.function, each.old, each.new
        seen[key] += 1
        found.append(Change(*key[:1], each.line, each.old, each.new, each.start, each.end, seen[key]))
    return found


class _Finder(ast.NodeVisitor):
    def __init__(self, source: bytes) -> None:
        self._starts = [0]
        for line in source.split(b"\n"):
            self._starts.append(self._starts[-1] + len(line) + 1)
        self._place: list[str] = []
        self.found: list[Change] = []

    def visit(self, node: ast.AST) -> None:
        if isinstance(node, ast.expr):
            for new in _instead_of(node):
                self._note(node, new)
        if isinstance(node, (ast.If, ast.While, ast.IfExp)):
            self._note(node.test, "True")
            self._note(node.test, "False")
        if isinstance(node, ast.Return) and node.value is not None and not _is_nothing(node.value):
            self._note(node.value, "None")
        super().visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._inside(node, [*node.decorator_list, *node.body])

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        defaults = [each for each in (*node.args.defaults, *node.args.kw_defaults) if each is not None]
        self._inside(node, [*node.decorator_list, *defaults, *node.body])

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    def visit_keyword(self, node: ast.keyword) -> None:
        if node.arg not in UNSEEN:
            self.generic_visit(node)

    def _inside(self, node: ast.ClassDef | ast.FunctionDef, parts: list[ast.expr] | list[ast.AST]) -> None:
        self._place.append(node.name)
        for part in parts:
            self.visit(part)
        self._place.pop()

    def _note(self, node: ast.expr, new: str) -> None:
        old = ast.unparse(node)
        if old == new or node.end_lineno is None or node.end_col_offset is None:
            return
        start = self._starts[node.lineno - 1] + node.col_offset
        end = self._starts[node.end_lineno - 1] + node.end_col_offset
        self.found.append(Change(".".join(self._place), node.lineno, old, new, start, end))


def _instead_of(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Compare():
            for at, operator in enumerate(node.ops):
                for other in COMPARISONS[type(operator)]:
                    ops = [*node.ops[:at], other(), *node.ops[at + 1 :]]
                    yield ast.unparse(ast.Compare(node.left, ops, node.comparators))
        case ast.BoolOp(op=ast.And()):
            yield ast.unparse(ast.BoolOp(ast.Or(), node.values))
        case ast.BoolOp():
            yield ast.unparse(ast.BoolOp(ast.And(), node.values))
        case ast.UnaryOp(op=ast.Not()):
            yield ast.unparse(node.operand)
        case ast.BinOp() if type(node.op) in OPERATIONS:
            yield ast.unparse(ast.BinOp(node.left, OPERATIONS[type(node.op)](), node.right))
        case ast.Constant(value=bool()):
            yield str(not node.value)
        case ast.Constant(value=int() | float()):
            yield repr(node.value + 1)  # type: ignore[operator]  # the pattern has said that it is a number


def _is_nothing(node: ast.expr) -> bool:
    """`return False` is changed to `return True` already; None would read the same wherever a bool is asked for."""
    return isinstance(node, ast.Constant) and node.value in (None, False)
