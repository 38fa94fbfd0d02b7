"""Makes mutants: copies of a module's source, each with one small change. Knows no tests and runs nothing."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")
COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Lt: ast.GtE,
    ast.LtE: ast.Gt,
    ast.Gt: ast.LtE,
    ast.GtE: ast.Lt,
}
TAKES_NAMES = {"OuterRef", "F", "select_related", "values"}
NARROWS = {"filter", "exclude", "get", "Q"}
# As many again: at the very border itself it would be the other way round.
MOVED_BY_ONE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
}
WORD = re.compile(r"[a-z_]+(\.[a-z_]+)?")
SQL_COMPARISON = re.compile(r"([\w.]+) (=|<|>) ('\w+'|[\w.]+|%s)")
SQL_IS_NULL = re.compile(r"[\w.]+ IS (NOT )?NULL")
# Types are for mypy; and a sentence in the log is no rule.
SKIPPED_FIELDS = {"annotation", "returns", "type_params"}
FORGETTABLE = (ast.Raise, ast.Expr, ast.If, ast.For, ast.With)


@dataclass(frozen=True)
class Mutant:
    """`function` (or constant) and `becomes` (the changed statement) name it, wherever it moves to in its file."""

    function: str
    becomes: str
    source: str


def mutants_of(source: str) -> list[Mutant]:
    """Return every mutant that differs from the source, each once and under a name of its own."""
    tree = ast.parse(source)
    plain = ast.unparse(tree)
    found: dict[str, Mutant] = {}
    for function, statement, node in _sites(tree):
        for other in _changes_of(node):
            changed = _with(tree, node, other)
            name = f"no {_headline(node)}" if isinstance(other, ast.Pass) else _changed_headline(statement, node, other)
            if changed != plain:
                found.setdefault(changed, Mutant(function, name, changed))
    return list(found.values())


def _sites(tree: ast.Module) -> Iterator[tuple[str, ast.stmt, ast.AST]]:
    """Yield (function, statement, node) for everything in functions, classes and constants."""
    for statement in tree.body:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            yield from _inside(statement, statement.name, statement)
        elif isinstance(statement, ast.Assign):
            yield from _inside(statement.value, ast.unparse(statement.targets[0]), statement)


def _inside(node: ast.AST, function: str, statement: ast.stmt) -> Iterator[tuple[str, ast.stmt, ast.AST]]:
    if isinstance(node, ast.stmt):
        statement = node
    if not _is_docstring(node) and not _logs(node):
        yield function, statement, node
        for field, value in ast.iter_fields(node):
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST) and field not in SKIPPED_FIELDS and not _is_name_of_field(node, child):
                    name = f"{function}.{child.name}" if isinstance(child, ast.FunctionDef) else function
                    yield from _inside(child, name, statement)


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _logs(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and ast.unparse(node).startswith("log.")


def _is_name_of_field(node: ast.AST, child: ast.AST) -> bool:
    """Say whether a change of `child` would only be a name that the database does not know: every test fails then."""
    return isinstance(child, ast.Constant) and isinstance(node, ast.Call) and _name_of(node) in TAKES_NAMES


def _name_of(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _changes_of(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what this node could wrongly have been; a `Pass` stands for a statement that was forgotten."""
    if isinstance(node, FORGETTABLE):
        yield ast.Pass()
    match node:
        case ast.If(test=ast.Compare() | ast.UnaryOp() as test) | ast.IfExp(test=ast.Compare() | ast.UnaryOp() as test):
            pass  # changed by itself
        case ast.If(test=test) | ast.IfExp(test=test):
            yield _copy(node, test=_not(test))
        case ast.comprehension(ifs=ifs):
            for index in range(len(ifs)):
                yield _copy(node, ifs=_without(ifs, index))
        case ast.Compare(ops=[operator]):
            yield _copy(node, ops=[COMPARISONS[type(operator)]()])
            if type(operator) in MOVED_BY_ONE:
                yield _copy(node, ops=[MOVED_BY_ONE[type(operator)]()])
        case ast.BoolOp(op=operator, values=values):
            yield _copy(node, op=ast.Or() if isinstance(operator, ast.And) else ast.And())
            for index in range(len(values)):
                rest = _without(values, index)
                yield rest[0] if len(rest) == 1 else _copy(node, values=rest)
        case ast.BinOp(op=ast.BitAnd() | ast.BitOr() as operator):
            yield _copy(node, op=ast.BitOr() if isinstance(operator, ast.BitAnd) else ast.BitAnd())
            yield node.left
            yield node.right
        case ast.BinOp(op=ast.Sub()):
            yield node.left
        case ast.UnaryOp(op=ast.Not() | ast.Invert()):
            yield node.operand
        case ast.Call():
            yield from _other_calls(node)
        case ast.Dict(keys=keys, values=values):
            for index in range(len(keys)):
                yield _copy(node, keys=_without(keys, index), values=_without(values, index))
        case ast.Return(value=ast.expr()) if ast.unparse(node) != "return None":
            yield ast.Pass()
        case ast.Constant():
            yield from map(ast.Constant, _other_values(node.value))
        case ast.FunctionDef() | ast.ClassDef():
            for index in range(len(node.decorator_list)):
                yield _copy(node, decorator_list=_without(node.decorator_list, index))
        case ast.ExceptHandler(type=ast.Tuple(elts=kinds)):
            for index in range(len(kinds)):
                yield _copy(node, type=ast.Tuple(elts=_without(kinds, index), ctx=ast.Load()))


def _other_calls(call: ast.Call) -> Iterator[ast.AST]:
    name = _name_of(call)
    if name == "Exists":
        yield ast.UnaryOp(op=ast.Invert(), operand=call)
    elif name == "none" and isinstance(call.func, ast.Attribute):
        yield _copy(call, func=_copy(call.func, attr="all"))
    if name in NARROWS and len(call.args) + len(call.keywords) == 1 and isinstance(call.func, ast.Attribute):
        yield _copy(call, args=[], keywords=[])
    elif name in NARROWS:
        for index in range(len(call.args)):
            yield _copy(call, args=_without(call.args, index))
        for index in range(len(call.keywords)):
            yield _copy(call, keywords=_without(call.keywords, index))


def _other_values(value: object) -> Iterator[object]:
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield value + 1
    elif isinstance(value, str) and "SELECT" in value:
        yield from _other_queries(value)
    elif isinstance(value, str) and WORD.fullmatch(value):
        yield f"{value}_x"


def _other_queries(sql: str) -> Iterator[str]:
    """Yield the query with each AND and OR changed, each condition met by everything, turned round, moved by one."""
    for found in re.finditer(r"\b(AND|OR)\b", sql):
        yield _put(sql, found, "OR" if found[0] == "AND" else "AND")
    for found in SQL_COMPARISON.finditer(sql):
        subject, sign, border = found.groups()
        yield _put(sql, found, f"{border if border == '%s' else subject} IS NOT NULL")
        if sign != "=":
            yield _put(sql, found, f"{subject} {sign}= {border}")
            yield _put(sql, found, f"{subject} {'<' if sign == '>' else '>'}= {border}")
    for found in SQL_IS_NULL.finditer(sql):
        subject = found[0].split(" ")[0]
        yield _put(sql, found, "1 = 1")
        yield _put(sql, found, f"{subject} IS {'' if found[1] else 'NOT '}NULL")


def _put(text: str, found: re.Match[str], other: str) -> str:
    return text[: found.start()] + other + text[found.end() :]


def _without(things: list[T], index: int) -> list[T]:
    return [*things[:index], *things[index + 1 :]]


def _not(test: ast.expr) -> ast.expr:
    return ast.UnaryOp(op=ast.Not(), operand=test)


def _copy(node: ast.AST, **fields: object) -> ast.AST:
    return type(node)(**{**dict(ast.iter_fields(node)), **fields})


class _Put(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        return self.new if node is self.old else super().generic_visit(node)


def _with(tree: ast.AST, old: ast.AST, new: ast.AST) -> str:
    """Return the tree as source with one node exchanged; the tree itself stays as it was."""
    if tree is old:
        return ast.unparse(new)
    changed = _Put(old, new).visit(tree)
    try:
        return ast.unparse(ast.fix_missing_locations(changed))
    finally:
        _Put(new, old).visit(tree)


def _changed_headline(statement: ast.stmt, node: ast.AST, other: ast.AST) -> str:
    """Return the first line of the statement with the change; of a long text, the line that is another."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        before, after = ([ast.unparse(one) for one in n.decorator_list] for n in (node, other))
        return f"no @{next(name for name in before if name not in after)}"
    if isinstance(node, ast.Constant) and "\n" in str(node.value):
        lines = str(node.value).splitlines()
        return next(line.strip() for line in str(other.value).splitlines() if line not in lines)
    if isinstance(other, ast.ExceptHandler) and other.type:
        return f"except {ast.unparse(other.type)}:"
    return _headline(ast.parse(_with(statement, node, other)).body[0])


def _headline(node: ast.AST) -> str:
    return ast.unparse(node).splitlines()[0]
