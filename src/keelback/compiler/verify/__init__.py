"""The verifier between passes: a tree that breaks a rule is a mistake of the compiler's, and stops it at once.

A rule is a method that is named after a node of the tree: it says what the node's operands may be, and its docstring
is what the error tells.  What has no rule, or is not listed for the pass that was before, is refused.

    expressions    what an expression is made of, and which values it may have
    statements     what a statement is made of; which of them there are after which pass
    flow           every local has a value where it is read, every way through a function ends
"""

from keelback.compiler.verify.expressions import TreeError
from keelback.compiler.verify.statements import EVALUATED, LOWERED, verify

__all__ = ["EVALUATED", "LOWERED", "TreeError", "verify"]
