"""What fork shares, seen from outside: a program is stopped in the middle, and its memory is read.

python examples/inspect_fork.py
"""

from keelback.looking import run_to

# `cow` fills eight pages and forks; then parent and child write to them in turn.  After trap 24 each has written to
# the first page and no further.  Nothing in the kernel helps us here: all that follows is read from the machine's RAM.
machine = run_to("cow", at=24).snapshot()
parent, child = machine.processes[1], machine.processes[2]

print("Processes, and what their threads do:")
for process in machine.processes.values():
    print(f"  {process}, {process.threads[0]}")

print("\nThe child's regions say what its addresses are for, whether anything is there yet or not:")
for region in child.regions:
    print(f"  {region}")

print("\nThe child's pages are what its page tables map:")
for page in child.pages():
    print(f"  {page}")

# An address goes through one table a level.  Each entry names the frame of the next, or at last that of the page.
FIRST, SECOND = 0x0804A000, 0x0804B000
print("\nTwo walks to the first page end in two frames, for both have written to it:")
for process in parent, child:
    print(f"{machine.name_of(process.pid)}, {process.walk(FIRST)}")

# The way back: a frame knows every page that shows it.  Nobody has written to the second page since the fork.
shared = child.walk(SECOND).mapping.frame
print(f"\nThe second page is still shared, and whoever writes to it first gets a copy:\n  {machine.frames[shared]}")

both = {page.frame.number for page in parent.pages()} & {page.frame.number for page in child.pages()}
print(f"\nFork itself has copied no page.  {len(both)} frames are still in both processes:")
print(f"  {', '.join(map(hex, sorted(both)))}")
