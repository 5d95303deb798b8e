"""Non-maskable interrupts inside of a compiled kernel."""

from keelback.kernel.x86.vectors import Vector
from keelback.machine.simulated.way_back import LONGEST


def disturb(pc, places):
    """Let a non-maskable interrupt come in the kernel: before the n-th instruction of each trap, by turns of `places`.

    Among them are those of the entry stubs and of the way back to user mode.
    """
    processor, engine, state, delivery = pc.processor, pc.processor.engine, pc.processor.state, pc.ring0.delivery
    run, turns, taken = engine.run, iter(places), []

    def disturbed(address, count, until=0):
        place = next(turns, 0)
        if not place or place >= count or until or count < LONGEST:
            return run(address, count, until)  # so few: the way back is measured, frame by frame
        status = run(address, place)
        if engine.caught or engine.called or status or processor.counter.value <= place:
            return status  # it ended sooner
        state.save()
        begun = processor.counter.value - 1
        if not state.cs & 3:
            delivery._cr4, kept = state.cr4, delivery._cr4
            interrupted, stack = state.ip, state.sp
            delivery.deliver(Vector.NON_MASKABLE, 0)
            while state.sp != stack:
                state.restore()
                run(state.ip, 1)
                state.save()
            delivery._cr4 = kept
            taken.append(place)
            begun -= state.ip != interrupted  # it goes back to the `sti` whose shadow it has ended
        state.restore()
        status = run(state.ip, count - begun)
        processor.counter.value += begun
        return status

    engine.run = disturbed
    return taken
