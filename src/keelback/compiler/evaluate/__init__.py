"""From a function's syntax and its static values to the typed tree.

A value is `Static` when it is known now, else a tree without effects; what has effects is emitted as a statement.

What a function is evaluated with, each an object of its own:

    environment    what is known at one point: what names have, and the join where ways meet
    frame          whose names a function's are, its loops, and where it stands
    scope          the frame at hand, and the locals of all frames
    known          what is known as statements are added, one after the other
    emitter        statements, labels and temporaries
    values         static or trees; fitted to a type, kept before what could change them
    expressions    expressions and their operands in order

An evaluator holds these, and the evaluators that it needs: no other is asked.
A method that is named after a node of `ast` evaluates it: `value_BinOp` an expression, `do_While` a statement.

    arithmetic     operators of integers
    bits           bits of an integer that have names
    fields         fields of structs, attributes of static objects
    arrays         arrays and tables, their lengths and ranges
    comparisons    of integers, bools, structs and arrays
    elements       elements of arrays, tables and static tuples
    conditions     and, or, not, a chain of comparisons, a choice
    names          locals, globals, constants
    functions      calls of functions of the program
    blocks         methods of arrays and tables
    text           what is written to a text sink
    language       builtin functions, and the language's own
    calls          which of these a call is
    statements     in order
    assignments    what gives something a value
    generators     inlined into the loop that goes over them
    rounds         of a loop: what is known in each; break, continue
    loops          while, for; unrolled over a static tuple
    failure        raise and try
    control        if, return, assert
    function       a whole function: who holds whom
"""

from keelback.compiler.evaluate.function import evaluate

__all__ = ["evaluate"]
