"""Which errors each function may fail with: a fixpoint over the calls."""

from collections.abc import Iterable, Mapping

from keelback.compiler import ir

Codes = frozenset[int]
NONE: Codes = frozenset()


def find_raises(functions: Mapping[str, ir.Function]) -> None:
    """Fill in `raises` of every function: the codes that leave it."""
    changed = True
    while changed:
        changed = False
        for function in functions.values():
            codes = raised_by(function.body, functions, {})
            changed = changed or codes != function.raises
            function.raises = codes


def raised_by(
    body: Iterable[ir.Statement], functions: Mapping[str, ir.Function], handled: Mapping[str, Codes]
) -> Codes:
    """Return the codes that leave some statements; `handled` are those that the locals of handlers may hold."""
    codes = NONE
    for statement in body:
        codes |= _raised(statement, functions, handled)
    return codes


def _raised(statement: ir.Statement, functions: Mapping[str, ir.Function], handled: Mapping[str, Codes]) -> Codes:
    if isinstance(statement, ir.Raise):
        return _codes(statement.code, handled)
    if isinstance(statement, ir.Call):
        return functions[statement.function.name].raises
    if isinstance(statement, ir.Try):
        return _raised_by_try(statement, functions, handled)
    return raised_by([each for part in parts_of(statement) for each in part], functions, handled)


def _codes(code: ir.Expression, handled: Mapping[str, Codes]) -> Codes:
    if isinstance(code, ir.Constant):
        return frozenset({int(code.value or 0)})
    assert isinstance(code, ir.Local)
    return handled[code.name]


def _raised_by_try(statement: ir.Try, functions: Mapping[str, ir.Function], handled: Mapping[str, Codes]) -> Codes:
    left = raised_by(statement.body, functions, handled)
    codes = NONE
    for handler in statement.handlers:
        taken = left & handler.codes
        left -= handler.codes
        codes |= raised_by(handler.body, functions, {**handled, handler.name: taken})
    codes |= raised_by(statement.otherwise, functions, handled) | raised_by(statement.final, functions, handled)
    return codes | left


def parts_of(statement: ir.Statement) -> tuple[tuple[ir.Statement, ...], ...]:
    """Return the statements inside a statement, by part."""
    if isinstance(statement, ir.If):
        return (statement.then, statement.otherwise)
    if isinstance(statement, ir.Switch):
        return statement.cases
    if isinstance(statement, ir.Loop):
        return (statement.body, statement.step)
    if isinstance(statement, ir.Block):
        return (statement.body,)
    if isinstance(statement, ir.Try):
        handlers = tuple(handler.body for handler in statement.handlers)
        return (statement.body, *handlers, statement.otherwise, statement.final)
    return ()
