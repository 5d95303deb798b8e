"""The rights that a process gives its own pages."""

READ = 1
WRITE = 2  # which includes reading
SPARSE = 4
"""With the others, for `map` alone: take no promise, so that the first touch of a page may find no memory left."""
GUARD = 16  # with the others, for `map` alone: the first page is a guard, which nobody may use
EXECUTE = 8  # which includes reading, and which i386 page tables give with it

RIGHTS = (
    ("NO_ACCESS", 0, ""),
    ("CAN_READ", READ, ""),
    ("CAN_WRITE", WRITE, "and read"),
    ("CAN_EXECUTE", EXECUTE, "and read; with i386 page tables what can be read can be executed"),
    ("WITH_GUARD", GUARD, "of map alone, with the others: the first page is a guard, which nobody may use"),
    ("SPARSE", SPARSE, "of map alone, with one of the others: no promise, so a first touch may find no memory left"),
)
"""What programs call them: name, number, remark."""
