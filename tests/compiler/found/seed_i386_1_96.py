# ruff: noqa
# 32 bits: C: entry_7: array index 2'147'483'643 refers past the last possible element [-Werror,-Warray-bounds]
from keelback.lang import *


class Words(Struct):
    words: Array[word] = inline(6)


class Root(Component):
    def __init__(self, records: Region) -> None:
        self.places = records.table(word)
        self.places.adopt(address_of(records.struct(Words)), 6)

    def entry_7(self, a: u32, b: i32) -> i64:
        if a & 1:
            return self.places[0x7FFFFFFB] % 0xFFFF
        if a & 2:
            self.places.fill(0x7FFFFFFB, b % 2, 7)
        return self.places[b % 7]
