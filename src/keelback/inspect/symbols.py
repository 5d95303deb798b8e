"""Addresses in programs, by function and instruction."""

from io import BytesIO

LONGEST_INSTRUCTION = 15


def place_in(elf: bytes, address: int) -> str:
    """Return what lies at an address of an ELF file: `main+0x3: mov eax, dword ptr [0]`.

    It is the address alone where the file has no symbol for it, and has no instruction where none can be decoded.
    """
    found = f"{address:#010x}"
    try:
        function, code = _function_and_code(elf, address)
    except Exception:  # a file that a hostile author wrote: whatever it breaks in the parser, the address is known
        return found
    if function:
        found += f" in {function}"
    return f"{found}: {instruction}" if (instruction := _disassembled(code, address)) else found


def _function_and_code(elf: bytes, address: int) -> tuple[str, bytes]:
    # Imported here: only a program that was killed needs them.
    from elftools.elf.elffile import ELFFile

    file = ELFFile(BytesIO(elf))
    code = b""
    for segment in file.iter_segments("PT_LOAD"):
        start = address - segment["p_vaddr"]
        if 0 <= start < segment["p_filesz"]:
            code = segment.data()[start : start + LONGEST_INSTRUCTION]
    functions = [
        (symbol["st_value"], symbol.name)
        for section in file.iter_sections("SHT_SYMTAB")
        for symbol in section.iter_symbols()
        if symbol["st_info"]["type"] == "STT_FUNC" and 0 <= address - symbol["st_value"] < max(symbol["st_size"], 1)
    ]
    start, name = max(functions, default=(0, ""))
    return (f"{name}+{address - start:#x}" if name else ""), code


def _disassembled(code: bytes, address: int) -> str:
    from capstone import CS_ARCH_X86, CS_MODE_32, Cs

    for instruction in Cs(CS_ARCH_X86, CS_MODE_32).disasm(code, address, 1):
        return f"{instruction.mnemonic} {instruction.op_str}".strip()
    return ""
