"""What every evaluator holds, and how those of one function come to hold each other."""

from dataclasses import MISSING, dataclass, fields
from functools import cache
from typing import Any

from keelback.compiler.evaluate.emitter import Emitter
from keelback.compiler.evaluate.expressions import Expressions
from keelback.compiler.evaluate.known import Known
from keelback.compiler.evaluate.scope import Scope
from keelback.compiler.evaluate.values import Values


@dataclass
class Evaluator:
    """Holds what a function is evaluated with; each evaluator adds the others that it needs."""

    scope: Scope
    known: Known
    out: Emitter
    values: Values
    expressions: Expressions


def made(kind: Any, held: dict[type, Any]) -> Any:
    """Return the one object of a class that there is for a function, which holds those that its fields name."""
    if kind not in held:
        held[kind] = kind(*[held.get(each) or made(each, held) for each in _fields(kind)])
    return held[kind]


@cache
def _fields(kind: Any) -> list[Any]:
    return [each.type for each in fields(kind) if each.default is MISSING and each.default_factory is MISSING]
