"""From a function's syntax and its static values to the typed tree.

A value is `Static` when it is known now, else a tree without effects; what has effects is emitted as a statement.
A method that is named after a node of `ast` evaluates it: `value_BinOp` an expression, `do_While` a statement.

Three modules say what is known:

    environment    at one point of a function: what names have, and the join where ways meet
    frame          in a function: whose names they are, and its loops
    known          as statements are added, one after the other

Each of the others has a class that extends the one of the module before:

    values         static or trees; fitted to a type, kept before what could change them
    conditions     comparisons, and, or, not, a choice
    arithmetic     operators of integers
    bits           bits of an integer that have names
    places         names, attributes, fields
    elements       elements of arrays, tables and static tuples
    functions      calls of functions of the program
    blocks         methods of arrays and tables
    text           what is written to a text sink
    language       builtin functions, and the language's own
    calls          which of these a call is
    assignments    statements in order; what gives something a value
    generators     inlined into the loop that goes over them
    loops          while, for; unrolled over a static tuple
    failure        raise and try
    function       a whole function
"""

from keelback.compiler.evaluate.function import evaluate

__all__ = ["evaluate"]
