"""How a function that may fail returns its error and its result together, in two registers."""

from typing import NamedTuple


class Packing(NamedTuple):
    """C's words for it: the type of both, what reads the result and the error, and both of a result or an error."""

    type: str
    result: str
    error: str
    succeeded: str
    failed: str


PACKINGS = {
    64: Packing("u64", "(u32)both$0", "(i32)(both$0 >> 32)", "(u32)({})", "(u64)(u32){} << 32"),
    # A struct and no u128, which debuggers do not know how to read from registers; in 32 bits it would be in memory.
    128: Packing("both", "both$0.result", "both$0.error", "(both){{(u64)({}), 0}}", "(both){{0, {}}}"),
}
"""By the bits of both, as `Function.packed` has them."""
