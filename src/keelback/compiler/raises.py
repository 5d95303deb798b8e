"""Which errors each function may fail with: a fixpoint over the calls."""

from collections.abc import Iterable, Mapping

from keelback.compiler import ir
from keelback.compiler.errors import CompileError
from keelback.compiler.walk import parts_of, statements_in

Codes = frozenset[int]
NONE: Codes = frozenset()


def find_raises(functions: Mapping[str, ir.Function]) -> None:
    """Fill in `raises` of every function: the codes that leave it."""
    changed = True
    while changed:
        changed = False
        for function in reversed([*functions.values()]):  # callees come after their callers
            codes = raised_by(function.body, functions, {})
            changed = changed or codes != function.raises
            function.raises = codes
    for function in functions.values():
        _refuse_failing_sinks(function.body, functions)


def _refuse_failing_sinks(body: Iterable[ir.Statement], functions: Mapping[str, ir.Function]) -> None:
    for statement in statements_in(body):
        if isinstance(statement, (ir.WriteText, ir.WriteNumber)) and functions[statement.put.name].raises:
            raise CompileError("text", "the put of a text sink raises no error", *statement.place, 1)


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
    parts = parts_of(statement)
    return raised_by([each for part in parts for each in part], functions, handled) if parts else NONE


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
