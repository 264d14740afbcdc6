"""The changes that could be made to one file, by its syntax tree.

They are what somebody forgets or confuses: a comparison, a condition or a part of one, `and` and `or`, a number, a
word that is compared or looked up, one condition of a query, a lock, `atomic`, a statement as a whole.

Left out is what no test should hold: texts for people and for the log, types, assertions (they narrow types), what is
only speed (`select_related`, `defer`), and figures with a name of their own (`LEASE`: tests use the name).
"""

import ast
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Change:
    """One change to one file. `file`, `function`, `was`, `becomes` and `nth` name it, whatever line it stands in."""

    file: str  # below the repository
    function: str  # "Class.method"; "" outside of all
    was: str  # the lines that change, as one
    becomes: str
    nth: int  # of the same change in the same function, from 1
    line: int
    statements: tuple[int, ...]  # lines in which the statements begin that a test must run to see it
    patched: tuple[str, int] | None  # qualified name and first line of the outermost function around it
    locks: bool  # in a function that locks, claims or has a transaction of its own
    start: int  # in bytes
    end: int
    text: str  # what stands there instead

    @property
    def key(self) -> str:
        nth = f" ({self.nth})" if self.nth > 1 else ""
        return f"{self.file}: {self.function or 'module'}: {self.was} → {self.becomes}{nth}"

    def applied(self, source: bytes) -> bytes:
        return source[: self.start] + self.text.encode() + source[self.end :]


def changes_of(file: str, source: bytes) -> list[Change]:
    """Every change, in the order of the file."""
    lines = source.splitlines(keepends=True)
    begins = [0]
    for line in lines:
        begins.append(begins[-1] + len(line))
    tree = ast.parse(source)
    again: Counter[tuple[str, str, str]] = Counter()
    changes = []
    for edit in sorted(_Walk().edits(tree), key=lambda edit: (edit.span, edit.text)):
        first, column, last, last_column = edit.span
        start, end = begins[first - 1] + column, begins[last - 1] + last_column
        changed = source[:start] + edit.text.encode() + source[end:]
        grown = changed.count(b"\n") - source.count(b"\n")
        was = _folded(lines[first - 1 : last])
        becomes = _folded(changed.splitlines(keepends=True)[first - 1 : last + grown])
        again[edit.function, was, becomes] += 1
        changes.append(
            Change(
                file, edit.function, was, becomes, again[edit.function, was, becomes],
                first, edit.statements or _that_use(edit, tree), edit.patched, edit.locks, start, end, edit.text,
            )
        )  # fmt: skip
    return changes


def _folded(lines: list[bytes]) -> str:
    return " ".join(b" ".join(lines).decode().split())


def _that_use(edit: "_Edit", tree: ast.Module) -> tuple[int, ...]:
    """The statements of functions that use what is made outside of all: a constant by its name, or any."""
    names = {
        target.id
        for statement in tree.body
        if statement.lineno <= edit.span[0] <= (statement.end_lineno or 0)
        and isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }
    inner = [
        statement
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for statement in ast.walk(function)
        if isinstance(statement, ast.stmt) and statement is not function
    ]
    using = [
        statement
        for statement in inner
        if any(isinstance(node, ast.Name) and node.id in names for node in ast.walk(statement))
    ]
    return tuple(sorted({statement.lineno for statement in using or inner}))


Span = tuple[int, int, int, int]  # line and column where it begins and where it ends


@dataclass(frozen=True)
class _Edit:
    span: Span
    text: str
    function: str
    statements: tuple[int, ...]
    patched: tuple[str, int] | None
    locks: bool


@dataclass(frozen=True)
class _Place:
    """Where in the file the walk is."""

    function: tuple[str, ...] = ()
    patched: tuple[str, int] | None = None
    statements: tuple[int, ...] = ()  # none: outside of all functions
    locks: bool = False


COMPARISONS: Mapping[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
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
ARITHMETIC: Mapping[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
FUNCTIONS = {"any": "all", "all": "any", "min": "max", "max": "min"}
METHODS = {
    "startswith": "endswith",
    "endswith": "startswith",
    "partition": "rpartition",
    "rpartition": "partition",
    "fullmatch": "match",
    "match": "search",
}
_LOCKS = re.compile(r"select_for_update|\batomic\b|\bclaim|_lock")
#: Conditions and values of a query: each is left out once.
QUERIES = {"filter", "exclude", "get", "update"}
#: Parts of a chain of calls that are left out once. A query's conditions by name are left out one by one.
LINKS = {
    "exclude", "filter", "order_by", "select_for_update", "distinct", "strip", "lstrip", "rstrip", "lower", "casefold",
}  # fmt: skip
TEXTS = {"_", "gettext", "gettext_lazy", "gettext_noop", "Sentence", "cast", "TypeVar"}
ONLY_SPEED = {"select_related", "prefetch_related", "defer", "only", "iterator"}
LOGS = {"log", "logger"}


class _Walk:
    def edits(self, tree: ast.Module) -> Iterator[_Edit]:
        yield from self._body(tree.body, _Place())

    def _body(self, body: list[ast.stmt], place: _Place) -> Iterator[_Edit]:
        for number, statement in enumerate(body):
            text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
            if number == 0 and text:
                continue  # a docstring
            if place.patched:
                place = replace(place, statements=(statement.lineno,))
            yield from self._statement(statement, place)

    def _statement(self, node: ast.stmt, place: _Place) -> Iterator[_Edit]:
        match node:
            case ast.Import() | ast.ImportFrom() | ast.Assert() | ast.Global() | ast.Nonlocal():
                return
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield from self._function(node, place)
                return
            case ast.ClassDef():
                inner = replace(place, function=(*place.function, node.name))
                yield from self._body(node.body, inner)
                return
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                return
            case ast.Expr(value=ast.Call()) if _is_log(node.value):
                return
            case ast.Raise():
                yield self._edit(node, "pass", place)
                return  # its words are for people
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                if name.isupper() and not place.function and node.value and _is_figure(node.value):
                    return
            case ast.With() | ast.AsyncWith():
                for item in node.items:
                    if ast.unparse(item.context_expr).endswith("atomic()"):
                        yield self._edit(item.context_expr, '__import__("contextlib").nullcontext()', place)
        if _may_be_left_out(node):
            yield self._edit(node, "pass", place)
        match node:
            case ast.Assign(targets=[ast.Tuple()], value=ast.Tuple(elts=values)):
                yield from self._parts(values, place)  # as many values as targets
                return
        if isinstance(node, ast.For) and isinstance(node.iter, ast.Tuple):
            yield from self._without_each(node.iter, place)
        if isinstance(node, ast.Break):
            yield self._edit(node, "continue", place)
        if isinstance(node, ast.Continue):
            yield self._edit(node, "break", place)
        if isinstance(node, ast.If | ast.While) and not _is_judged_by_its_parts(node.test):
            yield self._negated(node.test, place)
        for name, value in ast.iter_fields(node):
            if name == "annotation":
                continue
            yield from self._field(value, place)

    def _field(self, value: object, place: _Place) -> Iterator[_Edit]:
        if isinstance(value, list):
            if value and isinstance(value[0], ast.stmt):
                yield from self._body(value, place)
            else:
                for part in value:
                    yield from self._field(part, place)
        elif isinstance(value, ast.ExceptHandler):
            if isinstance(value.type, ast.Tuple):
                yield from self._without_each(value.type, place)
            yield from self._body(value.body, place)
        elif isinstance(value, ast.match_case):
            if value.guard:
                yield self._negated(value.guard, place)
            yield from self._body(value.body, place)
        elif isinstance(value, ast.withitem):
            yield from self._expression(value.context_expr, place)
        elif isinstance(value, ast.expr):
            yield from self._expression(value, place)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, place: _Place) -> Iterator[_Edit]:
        path = (*place.function, node.name)
        # Where the function begins its work: whoever calls it sees what its decorators and defaults are.
        inner = replace(place, function=path, statements=(node.body[_has_docstring(node)].lineno,))
        if place.patched is None:
            inner = replace(inner, locks=bool(_LOCKS.search(ast.unparse(node))))
        for decorator in node.decorator_list:
            if ast.unparse(decorator).endswith("atomic"):
                first, column, last, last_column = _span(decorator)
                yield _Edit(
                    (first, column - 1, last, last_column),
                    "",
                    ".".join(path),
                    inner.statements,
                    place.patched,
                    inner.locks,
                )
        for default in (*node.args.defaults, *node.args.kw_defaults):
            if default is not None:
                yield from self._expression(default, inner)
        if inner.patched is None:
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            inner = replace(inner, patched=(".".join(path), first))
        yield from self._body(node.body, inner)

    def _expression(self, node: ast.expr, place: _Place) -> Iterator[_Edit]:
        match node:
            case ast.Call():
                yield from self._call(node, place)
                return
            case ast.Compare():
                yield from self._compare(node, place)
            case ast.BoolOp():
                other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
                yield self._edit(node, ast.BoolOp(other, node.values), place)
                for number in range(len(node.values)):
                    rest = node.values[:number] + node.values[number + 1 :]
                    fewer = rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)
                    yield self._edit(node, fewer, place)
            case ast.UnaryOp(op=ast.Not()):
                yield self._edit(node, node.operand, place)
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant()):
                yield self._edit(node, "0", place)
                return
            case ast.BinOp() if (
                type(node.op) in ARITHMETIC and not _is_text(node.left) and not _is_text(node.right)
            ):
                yield self._edit(node, ast.BinOp(node.left, ARITHMETIC[type(node.op)](), node.right), place)
            case ast.IfExp() if not _is_judged_by_its_parts(node.test):
                yield self._negated(node.test, place)
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                for comprehension in node.generators:
                    for condition in comprehension.ifs:
                        yield self._edit(condition, "True", place)
            case ast.Set() | ast.List(ctx=ast.Load()):
                yield from self._without_each(node, place)
            case ast.Slice():
                if node.lower:
                    yield self._edit(node, ast.Slice(None, node.upper, node.step), place)
                if node.upper:
                    yield self._edit(node, ast.Slice(node.lower, None, node.step), place)
            case ast.Constant():
                yield from self._constant(node, place)
            case ast.JoinedStr() | ast.Lambda():
                pass
        for name, value in ast.iter_fields(node):
            if isinstance(node, ast.Dict) and name == "keys":
                for key in node.keys:
                    if isinstance(key, ast.Constant) and isinstance(key.value, str):
                        yield self._edit(key, repr(f"XX{key.value}"), place)
                continue
            match node:
                case ast.Subscript(slice=ast.Constant(value=str(word)) as index) if name == "slice":
                    yield self._edit(index, repr(f"XX{word}"), place)
                    continue
            yield from self._parts(value, place)

    def _parts(self, value: object, place: _Place) -> Iterator[_Edit]:
        if isinstance(value, list):
            for part in value:
                yield from self._parts(part, place)
        elif isinstance(value, ast.expr):
            yield from self._expression(value, place)
        elif isinstance(value, ast.keyword):
            yield from self._expression(value.value, place)
        elif isinstance(value, ast.comprehension):
            if isinstance(value.iter, ast.Tuple):
                yield from self._without_each(value.iter, place)
            yield from self._expression(value.iter, place)
            for condition in value.ifs:
                yield from self._expression(condition, place)

    def _call(self, node: ast.Call, place: _Place) -> Iterator[_Edit]:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        inner = node.func.value if isinstance(node.func, ast.Attribute) else None
        if name in TEXTS or _is_log(node):
            return
        if name in QUERIES and inner is not None:
            yield from self._without_each_keyword(node, place)
        if name in LINKS and inner is not None and (node.args or not node.keywords):
            yield self._edit(node, inner, place)
        match node.func:
            case ast.Attribute() as method if name in METHODS:
                yield self._edit(method, ast.Attribute(method.value, METHODS[name], ast.Load()), place)
            case ast.Name() as function if name in FUNCTIONS:
                yield self._edit(function, FUNCTIONS[name], place)
        if isinstance(node.func, ast.Attribute):
            yield from self._expression(node.func.value, place)
        if name not in ONLY_SPEED:
            yield from self._parts([*node.args, *node.keywords], place)

    def _without_each_keyword(self, node: ast.Call, place: _Place) -> Iterator[_Edit]:
        for number, keyword in enumerate(node.keywords):
            line, column, last, last_column = keyword.lineno, keyword.col_offset, *_span(keyword.value)[2:]
            if number + 1 < len(node.keywords):
                last, last_column = node.keywords[number + 1].lineno, node.keywords[number + 1].col_offset
            elif number or node.args:
                before = node.keywords[number - 1].value if number else node.args[-1]
                line, column = _span(before)[2:]
            span = (line, column, last, last_column)
            yield _Edit(
                span,
                "\n" * (last - line),
                ".".join(place.function),
                place.statements,
                place.patched,
                place.locks,
            )

    def _compare(self, node: ast.Compare, place: _Place) -> Iterator[_Edit]:
        for number, operator in enumerate(node.ops):
            for other in COMPARISONS[type(operator)]:
                operators = [*node.ops[:number], other(), *node.ops[number + 1 :]]
                yield self._edit(node, ast.Compare(node.left, operators, node.comparators), place)
        for side in (node.left, *node.comparators):
            if isinstance(side, ast.Tuple):
                yield from self._without_each(side, place)
            if isinstance(side, ast.Constant) and isinstance(side.value, str | bytes):
                yield self._edit(side, repr("XX" if isinstance(side.value, str) else b"XX"), place)

    def _constant(self, node: ast.Constant, place: _Place) -> Iterator[_Edit]:
        if isinstance(node.value, bool):
            yield self._edit(node, repr(not node.value), place)
        elif isinstance(node.value, int):
            yield self._edit(node, repr(node.value + 1), place)

    def _without_each(self, node: ast.Set | ast.List | ast.Tuple, place: _Place) -> Iterator[_Edit]:
        elements = node.elts
        if len(elements) < 2 or not all(
            isinstance(e, ast.Constant | ast.Name | ast.Attribute) for e in elements
        ):
            return
        for number in range(len(elements)):
            rest = [ast.unparse(element) for element in elements[:number] + elements[number + 1 :]]
            shown = {ast.Set: "{%s}", ast.List: "[%s]", ast.Tuple: "(%s,)"}[type(node)]
            yield self._edit(node, shown % ", ".join(rest), place)

    def _negated(self, test: ast.expr, place: _Place) -> _Edit:
        return self._edit(test, ast.UnaryOp(ast.Not(), test), place)

    def _edit(self, node: ast.expr | ast.stmt, becomes: ast.expr | str, place: _Place) -> _Edit:
        span = _span(node)
        # As many lines as before: what stands below keeps its place.
        padding = "\n" * (span[2] - span[0])
        if isinstance(becomes, str):
            text = (
                f"{becomes}{padding}"
                if isinstance(node, ast.stmt) or not padding
                else f"({becomes}{padding})"
            )
        else:
            text = ast.unparse(ast.fix_missing_locations(becomes))
            simple = isinstance(becomes, ast.Name | ast.Constant | ast.Call | ast.Attribute | ast.Slice)
            if not isinstance(becomes, ast.Slice) and (padding or not simple):
                text = f"({text}{padding})"
        return _Edit(span, text, ".".join(place.function), place.statements, place.patched, place.locks)


def _span(node: ast.expr | ast.stmt) -> Span:
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    return node.lineno, node.col_offset, node.end_lineno, node.end_col_offset


def _has_docstring(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return len(node.body) > 1 and ast.get_docstring(node, clean=False) is not None


def _is_log(node: ast.expr) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name))):
            return name in LOGS
    return False


def _is_figure(node: ast.expr) -> bool:
    """A number, or a duration made of numbers."""
    match node:
        case ast.Constant(value=int() | float()):
            return True
        case ast.Call(func=ast.Name(id="timedelta")):
            return True
        case ast.BinOp():
            return _is_figure(node.left) and _is_figure(node.right)
    return False


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)
    )


def _is_judged_by_its_parts(test: ast.expr) -> bool:
    """A comparison or a negation is changed itself: its opposite would be the same change twice."""
    return isinstance(test, ast.UnaryOp) or (isinstance(test, ast.Compare) and len(test.ops) == 1)


def _may_be_left_out(node: ast.stmt) -> bool:
    match node:
        case ast.Expr(value=ast.Call() | ast.Yield() | ast.YieldFrom() | ast.Await()):
            return True
        case ast.AugAssign() | ast.Delete():
            return True
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            return True
        case ast.Return(value=None):
            return True
    return False
