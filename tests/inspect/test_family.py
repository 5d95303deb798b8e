"""Every process of a run is in the tree, in both lives, whoever has freed its record."""

import pytest

from keelback.image.images import make_image
from keelback.image.kernels import compiled
from keelback.image.payload import make_payload
from keelback.inspect import family as family_of
from keelback.inspect.family import Family
from keelback.inspect.lens import look
from keelback.kernel.layout import MICROKERNEL
from keelback.machine.simulated.compiled import CompiledPc
from support import MIB, c_program, make_pc, payload_programs

LIVES = ["interpreted", "compiled"]
PROGRAM = """
static char stack[4096];
static void other(void)
{
    sys_exit(6);
}

int main(const char *argument)
{
    struct ending ending;
    int32_t child = sys_fork_child();

    if (child == 0) {
        switch (*argument) {
        case 'f': *(volatile int *)16 = 1; break;
        case 'k': sys_kill(sys_getpid()); break;
        case 's': sys_sleep(1000); break;
        case 't': sys_thread_exit(NULL); break;
        case 'o': sys_thread_create(other, stack + sizeof stack, NULL); sys_sleep(1000); break;
        case 'd': sys_detach(); break;
        case 'e': sys_exec("hello", ""); break;
        case 'c': if (sys_fork_child() == 0) sys_exit(7); sys_wait(ANY_CHILD, &ending); break;
        }
        sys_exit(*argument == 'x' ? 5 : 0);
    }
    if (argument[0] == 's') { sys_sleep(2); sys_kill(child); }
    if (argument[1] != 'n') sys_wait(child, &ending);
    return 0;
}
"""


def watched(life, *lines):
    """Run a machine to its end; return its family."""
    programs = {"it": c_program(PROGRAM), **{name: payload_programs()[name] for name in ("hello", "forkexit")}}
    if life == "interpreted":
        pc = make_pc(*lines, programs=programs, memory=16 * MIB, check=False)
    else:
        init = "".join(f"{line}\n" for line in lines).encode()
        image = make_image(MICROKERNEL, make_payload({"etc/init": init, **programs}), compiled(MICROKERNEL))
        pc = CompiledPc(MICROKERNEL, image, memory=16 * MIB)
    family = Family(look(MICROKERNEL, pc.contents), pc.contents, programs)
    family.watch(pc)
    pc.boot()
    pc.run()
    return family


def told(family):
    """Return what a family's tree says: how deep, how it ended, whether its parent was told."""
    return [(depth, family.ending(each).how, each.told) for depth, each in family.members()]


@pytest.mark.parametrize("life", LIVES)
@pytest.mark.parametrize(
    ("argument", "how", "is_told"),
    [
        ("x", "exited with status 5", True),
        ("xn", "exited with status 5", False),
        ("f", "killed: page fault, write to 0x00000010, not mapped", True),
        ("k", "killed by itself", True),
        ("s", "killed by process 1", True),
        ("t", "exited with status 0", True),
        ("o", "exited with status 6", True),
        ("d", "exited with status 0", False),
        ("e", "exited with status 0", True),
    ],
)
def test_a_child_is_told_of_whose_record_is_gone(life, argument, how, is_told):
    family = watched(life, f"it {argument}")
    assert told(family) == [(0, "exited with status 0", False), (1, how, is_told)]
    child = family.roots[0].children[0]
    assert child.name == ("hello" if argument == "e" else "it")
    assert (" in main+0x" in family.ending(child).place) == (argument == "f")


@pytest.mark.parametrize("life", LIVES)
def test_children_of_children_are_below_them(life):
    assert told(watched(life, "it c")) == [
        (0, "exited with status 0", False),
        (1, "exited with status 0", True),
        (2, "exited with status 7", True),
    ]


@pytest.mark.parametrize(
    ("lines", "well"),
    [
        (["it x"], True),
        (["it xn"], False),
        (["it f", "hello"], True),
        (["it fn"], False),
        (["it e", "it c"], True),
    ],
)
def test_a_child_that_nobody_waited_for_counts(lines, well):
    family = watched("interpreted", *lines)
    assert family.is_well(len(lines)) is well
    assert not family.is_well(len(lines) + 1)


def test_both_lives_have_one_family():
    one, other = (watched(life, "forkexit 60", "it f", "it c") for life in LIVES)
    assert told(one) == told(other) and len(told(one)) > 20
    assert [each.pid for _, each in one.members()] == [each.pid for _, each in other.members()]


def test_of_very_many_those_that_ended_well_are_only_counted(monkeypatch):
    everybody = len(told(watched("interpreted", "forkexit 60", "it x")))
    monkeypatch.setattr(family_of, "MOST_KEPT", 10)
    family = watched("interpreted", "forkexit 60", "it x")
    members = [each for _, each in family.members()]
    assert len(members) + family.uncounted == everybody and family.uncounted > 5
    assert "exited with status 5" in [each.ending.how for each in members]


def test_the_end_alone_shows_what_the_kernel_still_has():
    pc = make_pc("it x", "hello", programs={"it": c_program(PROGRAM), "hello": payload_programs()["hello"]})
    pc.boot()
    pc.run()
    family = Family(look(MICROKERNEL, pc.contents), pc.contents, {})
    family.look()
    assert told(family) == [(0, "exited with status 0", False)] * 2
