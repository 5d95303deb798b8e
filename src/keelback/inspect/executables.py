"""Files of programs: which rule of the kernel's a file breaks, told before any kernel runs."""

from keelback.abi.errors import NotExecutable
from keelback.kernel.layout import Layout
from keelback.kernel.loading.elf_file import ElfFile, Rule
from keelback.kernel.loading.payload import Member, Payload
from keelback.lang import PAGE_SIZE, Ram, Region, round_up
from keelback.lang.strict import words_of

RECORDS, FILE = PAGE_SIZE, 2 * PAGE_SIZE
"""Where the check's records and the file lie in a RAM that nothing else is in."""


def broken_rule(content: bytes, layout: Layout) -> Rule:
    """Return which rule of a program's file breaks in a layout, NONE when it breaks none: the kernel's own check."""
    ram = Ram(FILE + round_up(len(content), PAGE_SIZE), word_bits=layout.paging.word_bits)
    records = Region(ram, RECORDS, FILE)
    payload = Payload(records)
    file = ElfFile(records, layout, payload)
    ram.bytes[FILE : FILE + len(content)] = content
    payload.content.adopt(FILE, len(content))
    member = records.struct(Member)
    member.size = len(content)
    with words_of(layout.paging.word_bits):
        try:
            file.check_program(member)
        except NotExecutable:
            return file.image.broken
    return Rule.NONE
