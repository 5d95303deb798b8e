"""What every evaluator holds."""

from dataclasses import dataclass

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
