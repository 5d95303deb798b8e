"""The verifier between passes: a tree that breaks a rule is a mistake of the compiler's, and stops it at once.

A rule is a method that is named after a node of the tree: it says what the node's operands may be, and its docstring
is what the error tells.  What has no rule, or is not listed for the pass that was before, is refused.

    expressions    what an expression is made of, and which values it may have
    statements     what a statement is made of; which of them there are after which pass
    c_values       rules that are others where integers have C types
    flow           every local has a value where it is read, every way through a function ends
"""

from collections.abc import Mapping

from keelback.compiler import ir
from keelback.compiler.verify.c_values import CValues
from keelback.compiler.verify.expressions import TreeError
from keelback.compiler.verify.flow import Flow
from keelback.compiler.verify.statements import EVALUATED, LOWERED, TYPED, Statements

__all__ = ["EVALUATED", "LOWERED", "TYPED", "TreeError", "verify"]


def verify(function: ir.Function, functions: Mapping[str, ir.Function], word_bits: int, nodes: frozenset[type]) -> None:
    """Check a function of a program, in which only some nodes are left.  Raises: TreeError."""
    if function.native is None:
        rules = (CValues if nodes is TYPED else Statements)(function, functions, word_bits, nodes)
        rules.body(function.body, frozenset({ir.Return, ir.Raise, ir.Fail}))
        if nodes is LOWERED:
            Flow(function).check()
