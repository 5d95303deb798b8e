/* The machine: v86, in a time of its own, so that every run repeats exactly and stands still between two traps.

   Time is instructions, and what a CPU that is halted waits; no clock of the host is read.  v86 asks the time after each
   basic block, and comes back to the page when it has run a millisecond: on the clock that it is shown, that is soon
   while the machine boots, and after each block from the kernel's first word on. */

const INSTRUCTIONS_A_MILLISECOND = 10_000;
const BOOTING = 1;
const RUSHING = 2 * INSTRUCTIONS_A_MILLISECOND;
const SHORTEST_WAIT = 0.01;
const LONGEST_WAIT = 100;
const USER = 3;
const INTERRUPTS_ALLOWED = 1 << 9;

/** Return a machine that has been switched on, and has not run yet; `typed` is what its keyboard will send, and when. */
export async function makeMachine({ V86, files, memory, commandLine, typed }) {
  const machine = new Machine(typed);
  const emulator = new V86({
    memory_size: memory,
    vga_memory_size: 1 << 20,
    bios: { buffer: files.bios.buffer },
    vga_bios: { buffer: files.vgaBios.buffer },
    bzimage: { buffer: files.image.buffer },
    cmdline: commandLine,
    wasm_fn: (imports) => machine.connect(files.wasm, imports),
    autostart: false,
    disable_jit: true,
    disable_keyboard: true,
    disable_mouse: true,
    disable_speaker: true,
  });
  await new Promise((resolve) => emulator.add_listener("emulator-loaded", resolve));
  machine.switchOn(emulator);
  return machine;
}

class Machine {
  constructor(typed) {
    /* Scan codes, each piece with the trap at whose end it comes. */
    this.typed = typed;
    this.sent = 0;
    this.isAtEnd = false;
    this.rush = BOOTING;
    this.cpu = null;
    this.waited = 0;
    this.timersAt = 0;
    this.traps = 0;
    this.hasStarted = false;
    this.isInKernel = true;
    /* The CPU's registers, and where the last page fault was, when the kernel was last entered. */
    this.entered = null;
    this.failure = null;
    this.console = "";
    this.onCharacter = () => {};
  }

  /** Return v86's functions: its clock is this machine's. */
  async connect(wasm, imports) {
    imports.env.microtick = () => this.now * this.rush;
    imports.env.run_hardware_timers = (hasAcpi) => this.#runTimers(hasAcpi);
    imports.env.get_rand_int = () => 0;
    return (await WebAssembly.instantiate(wasm, imports)).instance.exports;
  }

  /* Most blocks are over too soon for any timer; asking all of them would take most of the time. */
  #runTimers(hasAcpi) {
    if (this.now < this.timersAt && !this.#isHalted) return 0;
    this.timersAt = this.now + SHORTEST_WAIT;
    return this.cpu.run_hardware_timers(hasAcpi, this.now);
  }

  switchOn(emulator) {
    this.emulator = emulator;
    this.cpu = emulator.v86.cpu;
    emulator.v86.constructor.microtick = () => this.now;
    Object.assign(this.cpu.devices.rtc, { rtc_time: 0, timer: () => LONGEST_WAIT }); // its clock is the host's
    emulator.add_listener("serial0-output-byte", (byte) => this.#hear(byte));
    emulator.screen_adapter.put_char = (...cell) => this.onCharacter(...cell);
  }

  #hear(byte) {
    this.rush = RUSHING;
    this.console += String.fromCharCode(byte);
  }

  /** Return the time in milliseconds since the machine was switched on. */
  get now() {
    return this.waited + this.instructions / INSTRUCTIONS_A_MILLISECOND;
  }

  get instructions() {
    return this.cpu === null ? 0 : this.cpu.instruction_counter[0];
  }

  /** Return all RAM: a view, which changes as the machine runs. */
  get memory() {
    return this.emulator.read_memory(0, this.cpu.memory_size[0]);
  }

  /** Say whether it is halted for good, or v86 has failed. */
  get isDead() {
    return this.failure !== null || (this.#isHalted && !(this.cpu.flags[0] & INTERRUPTS_ALLOWED));
  }

  get #isHalted() {
    return this.cpu.in_hlt[0] !== 0;
  }

  /** Run to the end of the next trap: a program goes on, or none can; or to a deadline.  Says whether it came there.

      The first trap's end is the start of the first program: number 0. */
  runTrap(deadline) {
    if (this.isAtEnd) this.#sendTyped();
    this.isAtEnd = false;
    while (performance.now() < deadline && !this.isDead) {
      this.#runBlock();
      this.isAtEnd = this.failure === null && this.#hasLeftKernel();
      if (this.isAtEnd) return true;
    }
    return false;
  }

  /** Type on the keyboard, as of the end of this trap; what was typed later, before the reader went back, is gone. */
  type(codes) {
    const now = this.traps + (this.isAtEnd ? 0 : 1);
    this.typed = [...this.typed.filter(({ trap }) => trap <= now), { trap: now, codes }];
  }

  #sendTyped() {
    for (; this.typed[this.sent]?.trap <= this.traps; this.sent += 1) {
      this.emulator.keyboard_send_scancodes(this.typed[this.sent].codes);
    }
  }

  #runBlock() {
    try {
      const wait = this.cpu.main_loop();
      if (this.#isHalted) this.waited += Math.max(wait, SHORTEST_WAIT);
    } catch (error) {
      this.failure = error.message; // v86's own checks: it does not know all that a processor does
    }
  }

  #hasLeftKernel() {
    const isUser = this.cpu.cpl[0] === USER;
    if (!isUser && !(this.hasStarted && this.#isHalted)) {
      if (!this.isInKernel) this.#enterKernel();
      return false;
    }
    if (!this.isInKernel) return false;
    this.traps += this.hasStarted ? 1 : 0;
    this.isInKernel = false;
    this.hasStarted = true;
    return true;
  }

  /* A trap ends a block, so the registers are still those of the program. */
  #enterKernel() {
    this.isInKernel = true;
    this.entered = { registers: Array.from(this.cpu.reg32), address: this.cpu.cr[2] >>> 0 };
  }

  switchOff() {
    this.emulator.destroy();
  }
}
