# ruff: noqa
# 64 bits: C: entry_0: array index 65'535 is past the end of the array [-Werror,-Warray-bounds]
from keelback.lang import *


class State(Struct):
    longs: Array[u64] = inline(4)
    shorts: Array[i16] = inline(6)


class Root(Component):
    def __init__(self, records: Region) -> None:
        self.state = records.struct(State)

    def entry_0(self, a: u32, b: i32) -> i64:
        if a & 1:
            self.state.longs.copy_from(b % 2, self.state.longs, 65535, a % 3)
        self.state.longs.fill(9, b % 2, 7)
        return self.state.longs[3]
