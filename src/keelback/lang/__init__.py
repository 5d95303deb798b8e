"""Kernel Python: the language that Keelback's kernel and programs are written in."""

from keelback.lang.array import Array
from keelback.lang.component import Component, HostObject, freeze, static_parts
from keelback.lang.cpu import Cpu, Hardware, NoHardware
from keelback.lang.errors import MISTAKES, KernelError, Panic, ProcessFault, is_language
from keelback.lang.integers import i8, i16, i32, i64, u8, u16, u32, u64, word
from keelback.lang.layout import at, bit, bits, inline, layout_of, on_64_bits, round_up
from keelback.lang.native import lowest_bit, native
from keelback.lang.page import PAGE_SHIFT, PAGE_SIZE, Page
from keelback.lang.ram import Ram, Record
from keelback.lang.rare import rare
from keelback.lang.records import Region, name_of
from keelback.lang.ref import Ref
from keelback.lang.replacing import replaces
from keelback.lang.struct import Struct, address_of, part_of, size_of, view, view_at
from keelback.lang.table import Table
from keelback.lang.text import TextSink, text_of
from keelback.lang.text_enum import TextEnum, texts

__all__ = [
    "MISTAKES",
    "PAGE_SHIFT",
    "PAGE_SIZE",
    "Array",
    "Component",
    "Cpu",
    "Hardware",
    "HostObject",
    "KernelError",
    "NoHardware",
    "Page",
    "Panic",
    "ProcessFault",
    "Ram",
    "Record",
    "Ref",
    "Region",
    "Struct",
    "Table",
    "TextEnum",
    "TextSink",
    "address_of",
    "at",
    "bit",
    "bits",
    "freeze",
    "i8",
    "i16",
    "i32",
    "i64",
    "inline",
    "is_language",
    "layout_of",
    "lowest_bit",
    "name_of",
    "native",
    "on_64_bits",
    "part_of",
    "rare",
    "replaces",
    "round_up",
    "size_of",
    "static_parts",
    "text_of",
    "texts",
    "u8",
    "u16",
    "u32",
    "u64",
    "view",
    "view_at",
    "word",
]
