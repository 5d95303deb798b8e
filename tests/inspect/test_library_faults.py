"""Whichever function of the C library is given a wild pointer, the way there is told up to the line that called it."""

from io import BytesIO

import pytest
from elftools.elf.elffile import ELFFile

from keelback.cli.debug_files import WithDebugData
from keelback.cli.running import run_to_end
from keelback.image.c_library import build_part, read_parts
from keelback.image.c_options import NO_C_OPTIONS, OURS
from keelback.image.programs import build_program
from keelback.image.runtime import build_runtime
from keelback.image.toolchain import USER_FLAGS
from keelback.inspect.endings import Kind
from keelback.inspect.family import Family
from keelback.inspect.lens import look
from keelback.kernel.layout import MICROKERNEL
from keelback.user import RUNTIME
from support import MIB, make_pc

# A child for each function.  Their names are the assembler's, for which no function needs to be declared as it is.
SOURCE = """\
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

DECLARATIONS
typedef int (*action)(int, int, int, int, int, int);
static char *const functions[] = { NAMES };
static const int wild[] = { 48, 40, 32, 24, 16, 8 };

__attribute__((noinline)) static int give(char *function, const int wild[])
{
    int result = ((action)function)(wild[0], wild[1], wild[2], wild[3], wild[4], wild[5]); // give
    getpid();
    return result + 1;
}

int main(void)
{
    for (unsigned n = 0; n < sizeof functions / sizeof *functions; n++) {
        if (fork() == 0)
            _exit(give(functions[n], wild)); // main
        wait(NULL);
    }
    return 0;
}
"""
MUST_FAULT = """
memccpy memchr memcmp memcpy memmem memmove mempcpy memrchr memset stpcpy stpncpy strcasecmp strcat strchr strchrnul
strcmp strcpy strcspn strdup strlcat strlcpy strlen strncasecmp strncat strncmp strncpy strndup strnlen strpbrk strrchr
strsep strspn strstr strtok strtok_r strtol strtoul strtoll strtoull strverscmp wcscpy wcslen wcscmp wcschr wmemcpy
atoi atol atoll qsort bsearch puts fputs printf sprintf snprintf sscanf fprintf vprintf vsprintf getline setjmp longjmp
"""


def functions_in(compiled):
    """Yield the functions that an object file has for programs."""
    for symbol in ELFFile(BytesIO(compiled)).get_section_by_name(".symtab").iter_symbols():
        is_ours = symbol["st_shndx"] != "SHN_UNDEF" and symbol["st_info"]["bind"] != "STB_LOCAL"
        if is_ours and symbol["st_info"]["type"] == "STT_FUNC" and not symbol.name.startswith("_"):
            yield symbol.name


def functions_of(third):
    """Return the functions of each third object file, of the runtime and the C library."""
    parts = [*read_parts(RUNTIME)][third::3]
    objects = [*build_runtime(RUNTIME).values()][third::3] + [build_part(each, RUNTIME, USER_FLAGS) for each in parts]
    return sorted({name for each in objects for name in functions_in(each)} - {"main"})


@pytest.mark.campaign
@pytest.mark.parametrize("third", range(3))
@pytest.mark.parametrize("options", [NO_C_OPTIONS, OURS], ids=["as written", "optimised"])
def test_a_fault_in_any_function_of_the_library_is_told_with_its_callers(tmp_path, options, third):
    names = functions_of(third)
    source = tmp_path / "wild.c"
    declared = "\n".join(f'extern char f{n}[] __asm__("{name}");' for n, name in enumerate(names))
    listed = ", ".join(f"f{n}" for n in range(len(names)))
    text = SOURCE.replace("DECLARATIONS", declared).replace("NAMES", listed)
    source.write_text(text)
    program = build_program(source, runtime=RUNTIME, image_base=MICROKERNEL.image_base, options=options)
    pc = make_pc("wild", programs={"wild": program}, memory=32 * MIB, check=False)
    family = Family(look(MICROKERNEL, pc.contents), pc.contents, WithDebugData({"wild": program}))
    family.watch(pc)
    run_to_end(pc, instructions=20_000_000_000)
    endings = [member.ending for depth, member in family.members() if depth == 1]
    marks = {
        each: n for n, line in enumerate(text.splitlines(), 1) for each in ("give", "main") if f"// {each}" in line
    }
    here = tuple(f"wild.c:{line} in {function}" for function, line in marks.items())
    faulted = {name: each for name, each in zip(names, endings, strict=True) if each.kind is Kind.FAULTED}
    assert {name: (each.place, *each.way) for name, each in faulted.items() if each.way[-2:] != here} == {}
    assert {*MUST_FAULT.split()} & {*names} - faulted.keys() == set()
