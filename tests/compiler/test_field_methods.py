"""A struct's method that only returns a field is no function in C: its caller reads the field."""

from keelback.compiler import compile_program
from keelback.lang import Component, Ram, Region, Struct, freeze, u8, u16, u32


class Registers(Struct):
    first: u32
    second: u32
    short: u8

    def argument(self, index: u32) -> u32:
        return self.first if index == 0 else self.second

    def number(self) -> u8:
        """Return the third."""
        return self.short

    def wide(self) -> u16:
        return self.short

    def sum(self) -> u32:
        return self.first + self.second & 0xFFFF


class Root(Component):
    def __init__(self, records: Region) -> None:
        self.registers = records.struct(Registers)

    def picked(self) -> u32:
        return self.registers.argument(1)

    def last(self) -> u32:
        return self.registers.argument(index=7)

    def short(self) -> u8:
        return self.registers.number()

    def at(self, index: u32) -> u32:
        return self.registers.argument(index)

    def wide(self) -> u16:
        return self.registers.wide()

    def sum(self) -> u32:
        return self.registers.sum()


def functions():
    ram = Ram(1 << 16)
    root = Root(Region(ram, 0x1000, 0x8000))
    freeze(root)
    names = ("picked", "last", "short", "at", "wide", "sum")
    return compile_program(root, ram, {name: getattr(root, name) for name in names}).c


def test_a_field_is_read_where_it_is_asked_for():
    c = functions()
    assert c.count("return registers.second;") == 1
    assert "registers_number(" not in c and "registers.short" in c
    for name in ("argument", "wide", "sum"):
        assert f"registers_{name}(Registers *self" in c
