"""C text: the only place that makes any.

1. An integer is written in the C type that it has; every conversion is one of the tree.
2. Parentheses follow C's precedence, and stand wherever a reader could doubt it.
3. A struct's layout is ours: packed, padded and asserted.

A method that is named after a node of the tree prints it: `piece_Binary` an expression, `print_Loop` a statement.
Each class extends the one of the module before:

    form           which functions others see
    spelling       constants and paths
    places         types, and static places by name
    expressions    with casts and parentheses
    packing        error and result together
    statements     each after its line of the source
    program        the file and its functions
"""

from keelback.compiler.prelude import PANIC
from keelback.compiler.print_c.form import Form, Linkage
from keelback.compiler.print_c.program import Printer
from keelback.compiler.print_c.spelling import short_path

__all__ = ["PANIC", "Form", "Linkage", "Printer", "short_path"]
