"""PAE paging on a bare processor, with no-execute pages and without, and the pointers that the CPU keeps."""

import struct

import pytest
from unicorn import x86_const as x86

from keelback.inspect.walk import NO_EXECUTE, Walker, reader
from keelback.lang import Panic
from keelback.machine.simulated import scratch
from keelback.machine.simulated.control import GS_BASE, check_cr0, check_cr4, check_efer, check_msr, check_pointers
from keelback.machine.simulated.mmu import TlbModel
from keelback.machine.simulated.models import CORE_2_DUO, CORE_DUO, EFER, FLAG_MASK, LSTAR, PENTIUM_III, STAR
from machine.bare import DATA, MISSING, PRESENT, SUPERVISOR, TEXT, USER, WRITABLE, Bare, Kind, trap, word

PROTECTED, WRITE, FROM_USER, RESERVED, FETCH = 1, 2, 4, 8, 16
NXE = 1 << 11
OTHER = 0x13000
DIRECTORY = scratch.BETWEEN[0]
FAR = 0xC000_0000  # the first address of the last pointer


def no_execute():
    machine = Bare("PAE", CORE_DUO)
    machine.cpu.system.write_msr(EFER, NXE)
    return machine


@pytest.fixture(scope="module", params=["Pentium III", "Core Duo", "Core Duo with NXE"])
def bare(request):
    if request.param == "Core Duo with NXE":
        return no_execute()
    return Bare("PAE", PENTIUM_III if request.param == "Pentium III" else CORE_DUO)


@pytest.fixture(scope="module")
def guarded():
    return no_execute()


@pytest.mark.parametrize(
    ("code", "address", "error"),
    [
        ("a1" + word(MISSING), MISSING, 0),
        ("a1" + word(SUPERVISOR), SUPERVISOR, PROTECTED),
        ("a3" + word(TEXT + 0x800), TEXT + 0x800, WRITE | PROTECTED),
        ("a1" + word(0x20_0000), 0x20_0000, 0),  # no table
        ("a1" + word(0x4000_0000), 0x4000_0000, 0),  # no directory
        ("a3" + word(0xFFFF_F000), 0xFFFF_F000, WRITE),
    ],
)
def test_a_page_fault_tells_address_access_and_cause(bare, code, address, error):
    assert trap(bare, "9090" + code) == (14, error | FROM_USER, 2)
    assert bare.cpu.state.cr2 == address


def test_system_calls_and_other_traps_are_as_without(bare):
    assert trap(bare, "cd80") == (0x80, 0, 2)
    assert trap(bare, "f4") == (13, 0, 0)
    assert trap(bare, "cd0e") == (13, 14 * 8 + 2, 0)
    assert trap(bare, "0f05") == (6, 0, 0)
    assert trap(bare, "0f3490") == (13, 0, 0)
    assert bare.run("ebfe", count=77)[:2] == (Kind.SLICE_END, 78)


@pytest.mark.parametrize("code", ["0f57c0", "660fd4c0", "660f7cc0", "f30f12c0", "660f3800c0", "0f01c8", "0f01c9"])
def test_a_newer_cpu_has_not_more_instructions_for_users(bare, code):
    """SSE up to SSSE3, `monitor` and `mwait` are invalid, on the CPU that knows them too."""
    assert trap(bare, code) == (6, 0, 0)


@pytest.mark.parametrize("page", [DATA, MISSING, SUPERVISOR])
def test_only_with_nxe_is_a_fetch_told(bare, page):
    fetch = FETCH if bare.cpu.engine.uc.reg_read(x86.UC_X86_REG_MSR, EFER) & NXE else 0
    bare.map(DATA, DATA | PRESENT | USER | (NO_EXECUTE if fetch else 0))
    if page == DATA and not fetch:
        assert trap(bare, "cd80", eip=DATA) == (0x80, 0, 2)
    else:
        error = fetch | FROM_USER | (PROTECTED if page != MISSING else 0)
        assert trap(bare, "ffe0", eax=page) == (14, error, page - TEXT)
    bare.map(DATA, DATA | PRESENT | USER | WRITABLE)


def test_data_that_must_not_be_fetched_is_read_and_written(guarded):
    guarded.map(OTHER, OTHER | PRESENT | USER | WRITABLE | NO_EXECUTE)
    assert trap(guarded, "c705" + word(OTHER) + word(7) + "a1" + word(OTHER) + "cd80") == (0x80, 0, 17)
    assert guarded.read("eax") == 7
    assert trap(guarded, "ffe0", eax=OTHER) == (14, FETCH | PROTECTED | FROM_USER, OTHER - TEXT)
    assert guarded.cpu.state.cr2 == OTHER


def test_an_instruction_that_continues_on_a_page_without_execution_faults_there(guarded):
    guarded.map(OTHER, OTHER | PRESENT | USER)
    guarded.map(OTHER + 0x1000, OTHER + 0x1000 | PRESENT | USER | NO_EXECUTE)
    assert trap(guarded, "b878563412cd80", eip=OTHER + 0xFFD) == (14, FETCH | PROTECTED | FROM_USER, 0)
    assert guarded.cpu.state.cr2 == OTHER + 0x1000


def test_a_ban_on_a_directory_entry_is_one_for_all_behind_it(guarded):
    again = 0x20_0000 + TEXT  # by the second directory entry, to the same table
    for ban, vector in ((NO_EXECUTE, 14), (0, 0x80)):
        struct.pack_into("<Q", guarded.ram, DIRECTORY + 8, scratch.PAGE_TABLE | 7 | ban)
        guarded.map(MISSING, 0)
        guarded.write(TEXT, bytes.fromhex("ffe090cd80"))
        stop = guarded.resume(eax=again + 3)
        assert (stop.vector, stop.error) == (vector, FETCH | PROTECTED | FROM_USER if ban else 0)


def test_without_nxe_the_bit_is_reserved():
    machine = Bare("PAE", CORE_DUO)
    machine.map(DATA, DATA | PRESENT | USER | NO_EXECUTE)
    assert trap(machine, "a1" + word(DATA)) == (14, RESERVED | PROTECTED | FROM_USER, 0)


def test_frames_above_4_gib_are_other_frames(guarded):
    guarded.map(OTHER, 1 << 32 | DATA | PRESENT | USER)
    with pytest.raises(Panic, match="UNMAPPED"):
        guarded.run("a1" + word(OTHER))


# What the CPU takes.


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (lambda: check_msr(PENTIUM_III, EFER, 0), "this CPU has no model-specific register 0xc0000080"),
        (lambda: check_msr(CORE_DUO, EFER, 1), "this CPU has no bit 0 of EFER"),
        (lambda: check_msr(CORE_DUO, EFER, 1 << 8), "this CPU has no bit 8 of EFER"),
        (lambda: check_msr(CORE_DUO, EFER, 1 << 63), "this CPU has no bit 63 of EFER"),
        (lambda: check_msr(CORE_DUO, LSTAR, 0), "this CPU has no model-specific register 0xc0000082"),
        (lambda: check_msr(CORE_DUO, GS_BASE, 0), "this CPU has no model-specific register 0xc0000101"),
        (lambda: check_msr(CORE_2_DUO, EFER, 1 << 9), "this CPU has no bit 9 of EFER"),
        (lambda: check_efer(1 << 8 | 1 << 10, 0, 0), "EFER.LMA is the CPU's to change"),
        (lambda: check_msr(CORE_2_DUO, 0x1B, 0), "this CPU has no model-specific register 0x1b"),
        (
            lambda: check_msr(CORE_2_DUO, LSTAR, 1 << 47),
            "model-specific register 0xc0000082 takes addresses, and",
        ),
        (lambda: check_efer(NXE, 1 << 31, NXE | 1 << 8), "EFER.LME changes while paging is on"),
        (lambda: check_cr0(1 << 31 | 1, 0, 1 << 8), "long mode needs CR4.PAE"),
        (lambda: check_cr0(1, 1 << 5, 1 << 8 | 1 << 10), "64-bit code can't switch paging off"),
        (lambda: check_cr4(CORE_DUO, 1 << 5, 1 << 31, 0), "CR4.PAE changes while paging is on"),
        (lambda: check_pointers(CORE_DUO, (0x1001, 0x1003)), "page-directory pointer 1 is 0x1003, which has reserved"),
        (lambda: check_pointers(PENTIUM_III, (1 << 36 | 1,)), "page-directory pointer 0 is 0x1000000001, which has"),
        (lambda: check_pointers(CORE_DUO, (1 << 63 | 1,)), "page-directory pointer 0 is 0x8000000000000001, which"),
    ],
)
def test_what_a_cpu_refuses_is_a_panic(check, message):
    with pytest.raises(Panic) as caught:
        check()
    assert caught.value.message.startswith(message)


def test_what_a_cpu_takes_is_none():
    check_msr(CORE_DUO, EFER, NXE)
    check_msr(CORE_2_DUO, EFER, NXE | 1 << 8 | 1)
    check_msr(CORE_2_DUO, STAR, (1 << 64) - 1)
    check_msr(CORE_2_DUO, GS_BASE, (1 << 64) - (1 << 47))
    check_msr(CORE_2_DUO, FLAG_MASK, 0x4_4700)
    check_efer(NXE | 1 << 8, 1 << 31, 1 << 8)
    check_cr0(1 << 31 | 1, 1 << 5, 1 << 8)
    check_cr4(PENTIUM_III, 1 << 5, 0, 0)
    check_pointers(PENTIUM_III, (1 << 35 | 0xE19, 0x1E6, 0, 1))


# The pointers.


@pytest.fixture
def tlb():
    """Return the TLB model over the scratch machine's tables, loaded."""
    ram = bytearray(scratch.SIZE)
    scratch.fill(ram, "PAE")
    model = TlbModel(Walker("PAE", reader(memoryview(ram))))
    model.load_directory(scratch.ROOT)
    model.load_pointers()
    return model, ram


def set_pointer(ram, number, pointer):
    struct.pack_into("<Q", ram, scratch.ROOT + 8 * number, pointer)


def test_pointers_that_change_without_a_load_of_cr3_are_stale(tlb):
    model, ram = tlb
    model.use(DATA)
    set_pointer(ram, FAR >> 30, DIRECTORY | PRESENT)
    message = "page-directory pointer 3 was changed without a load of cr3: the CPU has 0x0, the table 0x3001"
    for check in (lambda: model.use(FAR + DATA), model.before_user_mode):
        with pytest.raises(Panic) as caught:
            check()
        assert caught.value.message == message
    model.load_directory(scratch.ROOT)
    assert model.load_pointers() == (0x3001, 0, 0, 0x3001)
    assert model.use(FAR + DATA).frame == DATA >> 12
    model.before_user_mode()


def test_a_pointer_that_is_not_present_may_say_anything(tlb):
    model, ram = tlb
    set_pointer(ram, 1, 0xABC000)
    model.before_user_mode()


def test_what_may_not_be_fetched_any_more_must_be_invalidated(tlb):
    model, ram = tlb
    model.use(DATA)
    place = scratch.PAGE_TABLE + 8 * (DATA >> 12)
    struct.pack_into("<Q", ram, place, DATA | 7 | NO_EXECUTE)
    with pytest.raises(Panic, match="the TLB has frame 0x11 user writable, the table frame 0x11 user writable, no-exe"):
        model.before_user_mode()
    model.invalidate_page(DATA)
    model.before_user_mode()
