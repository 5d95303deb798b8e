"""How deep the kernel's stacks get, proven from the machine code as it is linked.

    code        instructions, and which function has which
    ways        every way through one function: what it pushes, what it calls when
    chains      the deepest chain of calls from a function on
    bounds      which stacks a layout has, what the CPU and entry code add to the chains, how much is to be left
    proven      what comes out

What has no bound that can be seen here is refused: a cycle of calls, a call or jump whose target is not in the code, a
stack pointer that is calculated.  The figures are those of the instructions themselves, so what the C compiler inlined,
spilled or aligned is in them.
"""
