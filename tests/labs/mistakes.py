"""Typical mistakes of students: a text of the kernel's own bodies, what they write instead, and what they are told."""

SEARCHES = (
    "        frame: u32 = self.user_zone.lowest()\n",
    "        frame: u32 = len(self.table) - 1\n        while not self.user_zone.has(frame):\n            frame -= 1\n",
)
"""For the lowest free frame, and for the highest."""

MISTAKES = {
    ("fork", "another result for the child"): (
        "frame.set_result(0)", "frame.set_result(child.pid)",
        "twice (2) should go on with rax = 0x0, and does with 0x2",
    ),
    ("fork", "a child that stays when there is no memory"): (
        "            self.discard(child)\n            raise", "            raise",
        "process 2 should be free, and is half made: alive",
    ),
    ("fork", "pages that are shared though they can be written"): (
        "if self.spaces.may_copy():", "if self.spaces.may_copy() and parent.owner == 0:",
        "page 0x00102000 of twice (2) should be for user mode, writable, not executable, and is for",
    ),
    ("fork", "text that is copied"): (
        "if self.spaces.is_copied(self.tables.frame_of(entry), permissions):", "if entry.present:",
        "page 0x00100000 of twice (2) should be in the frame of twice (1), and is in a frame of its own",
    ),
    ("fork", "promises that the child has not"): (
        "        self.promises.take(child, parent.promised.pages, parent.promised.tables)\n", "",
        "rule   ",
    ),
    ("fork", "what can't be written is not there"): (
        "            self.spaces.share(child.directory, parent.directory, start, end)", "            pass",
        "page 0x00100000 of twice (2) should be mapped (for user mode), and is not",
    ),
    ("fork", "an error that nobody is told"): (
        "            self.discard(child)\n            raise",
        "            self.discard(child)\n            return parent",
        "right  fork() = -4: There is not enough memory.",
    ),
    ("fork", "a child without its parent's name"): (
        "        child.name.copy_from(0, parent.name, 0, NAME_SIZE)\n", "",
        "process 2 should be twice: alive, and is without a name: alive",
    ),
    ("isolation", "kernel pages that programs may use"): (
        "self._map_kernel(SCREEN + PAGE_SIZE, layout.kernel_limit, KERNEL_WRITE)",
        "self._map_kernel(SCREEN + PAGE_SIZE, layout.kernel_limit, KERNEL_WRITE | 4)",
        "the kernel's page 0x000b9000 is open to user mode",
    ),
    ("isolation", "page 0 that is mapped"): (
        "self._map_kernel(PAGE_SIZE, layout.kernel_start, KERNEL_WRITE)",
        "self._map_kernel(0, layout.kernel_start, KERNEL_WRITE)",
        "the kernel maps page 0x00000000, which should be mapped nowhere",
    ),
    ("isolation", "text that the kernel can write"): (
        "        self._map_text()\n",
        "        self._map_kernel(layout.kernel_start, layout.text_end, KERNEL_WRITE | 8)\n",
        "the kernel may write its own text at 0x00040000",
    ),
    ("isolation", "a screen that is the kernel's alone"): (
        "        self._map_screen()\n", "        self._map_kernel(SCREEN, SCREEN + PAGE_SIZE, KERNEL_WRITE)\n",
        "page 0x000b8000 of peek (1) should be for user mode, writable, not executable, and is writable",
    ),
    ("isolation", "an address that starts no page"): (
        "if address % PAGE_SIZE != 0 or size == 0:", "if size == 0:",
        "right  page_alloc(0x200001) = -3: An argument is out of range.",
    ),
    ("isolation", "an address below the process's own"): (
        "address < layout.user_base or", "address < layout.user_base - PAGE_SIZE or",
        "right  page_alloc(0xff000) = -2: The memory is not the caller's to use.",
    ),
    ("isolation", "an address at the end"): (
        "address >= layout.user_end or size > layout.user_end - address:", "address > layout.user_end:",
        "right  page_alloc(0x300000) = -2: The memory is not the caller's to use.",
    ),
    ("page-alloc", "a page that is not cleared"): (
        "        frame: u32 = self.frames.allocate_user(space.owner)\n        self.access.page(frame).bytes.clear()\n",
        "        frame: u32 = self.frames.allocate_user(space.owner)\n",
        "has other bytes than it should",
    ),
    ("page-alloc", "an old frame that is kept"): (
        "        new: u32 = self._new_zeros(space)\n        self.frames.drop(frame, space.owner)\n",
        "        new: u32 = self._new_zeros(space)\n",
        "frame 0xc counts 2 references, and should count 1",
    ),
    ("page-alloc", "a search from the wrong end"): (
        *SEARCHES,
        "should be frame 0x",
    ),
    ("page-alloc", "a page that can't be written"): (
        "self._enter(space, address, entry, self._new_zeros(space), USER | WRITABLE)",
        "self._enter(space, address, entry, self._new_zeros(space), USER)",
        "page 0x00200000 of order (1) should be frame",
    ),
    ("page-alloc", "a frame that stays in the set of free ones"): (
        "        self.user_zone.remove(frame)\n", "",
        "a free frame has no use",
    ),
    ("page-alloc", "a page that belongs to no region"): (
        "        self.regions.add(space, address, end, RegionKind.ANONYMOUS, USER | WRITABLE)\n", "",
        "rule   ",
    ),
    ("page-alloc", "frames that are not counted"): (
        "        self.counts.user_free -= 1\n", "",
        "user frames are free, 5 too many",
    ),
    ("page-alloc", "a page that is not the process's to have"): (
        "        self._check_range(space, address, PAGE_SIZE)\n", "",
        "right  page_alloc(0x200001) = -3: An argument is out of range.",
    ),
    ("frame-table", "a reference that is not dropped"): (
        "        record.references -= 1\n", "",
        "rule   a frame's references are the entries and kernel uses that name it",
    ),
    ("frame-table", "an owner that has left"): (
        "        if record.use == holder:\n            self._give(record, SHARED)\n", "",
        "rule   ",
    ),
    ("frame-table", "a holder that is not counted"): (
        "        record.references = references + 1\n", "",
        "rule   a frame's references are the entries and kernel uses that name it",
    ),
    ("frame-table", "a frame that is freed while another holds it"): (
        "        if record.references == 1:\n            self._release_user(record, frame)\n",
        "        if record.references <= 2:\n            self._release_user(record, frame)\n",
        "user frames are free",
    ),
    ("frame-table", "a kernel frame that is not given back"): (
        "        self.kernel_zone.add(frame)\n", "",
        "rule   ",
    ),
    ("frame-table", "a user frame that is not given back"): (
        "        self.user_zone.add(frame)\n", "",
        "rule   ",
    ),
    ("frame-table", "frames from the wrong end"): (
        *SEARCHES,
        "should be frame 0x",
    ),
    ("cow", "a parent that may write what it shares"): (
        "words[index * step] = low & ~WRITABLE", "words[index * step] = low",
        "should be for user mode, and is for user mode, writable",
    ),
    ("cow", "a copy without the bytes"): (
        "        to.bytes.copy_from(0, self.access.source(frame).bytes, 0, PAGE_SIZE)\n", "        to.bytes.clear()\n",
        "has other bytes than it should",
    ),
    ("cow", "a copy of half the page"): (
        "self.access.source(frame).bytes, 0, PAGE_SIZE)", "self.access.source(frame).bytes, 0, PAGE_SIZE // 2)",
        "has other bytes than it should",
    ),
    ("cow", "a shared frame that keeps its reference"): (
        "            self.frames.drop(frame, space.owner)\n", "",
        "rule   a frame's references are the entries and kernel uses that name it",
    ),
    ("cow", "a copy for the last holder"): (
        "        if record.references > 1:\n            return False\n",
        "        if record.references > 0:\n            return False\n",
        "taken over: nobody else has it any more",
    ),
    ("cow", "a page that both may write"): (
        "        if not self.frames.take_over(frame, space.owner) and not self._is_of_object(frame):",
        "        if self.frames.is_full(frame):",
        "a copy",
    ),
    ("cow", "a child that is not counted"): (
        "                self.frames.share(self.tables.frame_at(words, index))\n", "",
        "rule   a frame's references are the entries and kernel uses that name it",
    ),
    ("own-tables", "a table that is not cleared"): (
        "            self.access.clear(table)\n", "",
        "page tables lead nowhere: a page table lies at ",
    ),
    ("own-tables", "half of the kernel's entries"): (
        "level.index(self.kernel_limit) * self.step)\n", "level.index(self.kernel_limit) * self.step // 2)\n",
        "yours  double fault of 0x0008",
    ),
    ("own-tables", "entries that are not counted"): (
        "        self.frames.table[table].references = self._shared_entries(level, kernel)\n", "",
        "rule   a frame's references are the entries and kernel uses that name it, and a page table's its present",
    ),
    ("own-tables", "the kernel's own lowest table for all"): (
        "lower: u32 = self._share_table(self.follow(way, kernel, limit), level, use)",
        "lower: u32 = self.follow(way, kernel, limit)",
        "page 0x00100000 of same (1) should be for user mode, and is writable, not executable",
    ),
    ("own-tables", "tables that stay when one can't be made"): (
        "            self._release(root)\n            raise", "            raise",
        "user frames are free, 1 too few",
    ),
    ("own-tables", "a space that stays when a table of it can't be made"): (
        "            self.destroy(directory)\n            raise", "            raise",
        "user frames are free, ",
    ),
    ("overlapping", "an argument at the start of the page"): (
        "content.copy_from(PAGE_SIZE - ARGUMENT_SIZE, argument", "content.copy_from(0, argument",
        "page 0x002ff000 of args (1) has other bytes than it should",
    ),
    ("overlapping", "a stack that can't be written"): (
        "self.layout.stack_top - PAGE_SIZE, USER | WRITABLE)\n        content",
        "self.layout.stack_top - PAGE_SIZE, USER)\n        content",
        "page 0x002ff000 of args (1) should be for user mode, writable, not executable, and is for user mode, not exec",
    ),
    ("overlapping", "a stack pointer that is not aligned"): (
        "            return self.text - 8\n", "            return self.text\n",
        "should go on with rsp = ",
    ),
    ("overlapping", "an image of which nothing is shared"): (
        "        self._share(space, member, image)\n", "",
        "user frames are free, 2 too few",
    ),
    ("overlapping", "promises that nobody makes"): (
        "        self.promises.take_all(space)\n", "",
        "process 1 counts promises for 0 pages and 0 tables, and should count 2 and 0",
    ),
    ("overlapping", "a stack without a region"): (
        "        self.loader.regions.add(space, self.layout.stack_bottom, top, RegionKind.STACK, USER | WRITABLE)\n",
        "",
        "rule   a user frame that a page shows which can't be written, or of an object, is read-only",
    ),
    ("sharing", "a reference that is not counted"): (
        "if not entry.present and self.frames.share(frame):", "if not entry.present:",
        "rule   a frame's references are the entries and kernel uses that name it",
    ),
    ("sharing", "pages that stay when a process ends"): (
        "            self.spaces.unmap(space, start, end)\n", "            pass\n",
        "a space that is destroyed maps nothing",
    ),
    ("sharing", "promises that stay when a process ends"): (
        "        self.promises.end(space)\n", "",
        "rule   the counts of promises are those of all spaces together",
    ),
    ("sharing", "page tables that stay when a process ends"): (
        "        self.spaces.destroy(space.directory)\n", "",
        "user frames are free, 5 too few",
    ),
    ("sharing", "a process that stays counted"): (
        "        self.counts.alive -= 1\n", "",
        "2 processes are counted as alive, and 1 are",
    ),
    ("sharing", "a process that has ended among those that run its program"): (
        "        self.leave_runners(process)\n", "",
        "runs no program, and is listed for slot 2",
    ),
    ("demand-zero", "a frame of zeros that can be written"): (
        "self.spaces.kernel.zero, self._flags(region, USER))",
        "self.spaces.kernel.zero, self._flags(region, USER | WRITABLE))",
        "should be for user mode, and is for user mode, writable",
    ),
    ("demand-zero", "a new frame that is not zero"): (
        "        frame: u32 = self._new_zeros(space)\n",
        "        frame: u32 = self.frames.allocate_user(space.owner)\n",
        "has other bytes than it should",
    ),
    ("demand-zero", "a page that may be written because it may be read"): (
        "        if not region.permissions & WRITABLE:\n", "        if not region.permissions & USER:\n",
        "protected: killed",
    ),
    ("demand-zero", "a promise that nobody makes for the stack"): (
        "            self.promises.add(space, 1, 0)\n", "            pass\n",
        "process 1 counts promises for 5 pages and 0 tables, and should count 6 and 0",
    ),
    ("demand-zero", "a frame for a page that is only read"): (
        "        self._enter(space, page_of(address), entry, self.spaces.kernel.zero, self._flags(region, USER))\n",
        "        self._enter(space, page_of(address), entry, self._new_zeros(space), self._flags(region, USER))\n",
        "user frames are free, ",
    ),
    ("demand-zero", "a page of the kernel's that programs may read"): (
        "        if entry is not None and entry.user:\n", "        if entry is not None and entry.present:\n",
        "read of 0x00100000, protected: killed",
    ),
    ("demand-zero", "a page of the kernel's that programs may write"): (
        "entry.user and entry.writable", "entry.writable",
        "write to 0x00180000, protected: killed",
    ),
    ("waits", "a thread that waits though the word has changed"): (
        "            return CHANGED\n", "            pass\n",
        "right  wait_on(",
    ),
    ("waits", "one too many that are woken"): (
        "if woken >= most:", "if woken > most:",
        "yours  wake(",
    ),
    ("waits", "all that are woken, however many are asked for"): (
        "                if woken >= most:\n                    break\n", "",
        "yours  wake(",
    ),
    ("waits", "an address that is no word's"): (
        "        if address % WORD != 0:\n            raise BadArgument\n", "",
        "right  wait_on(",
    ),
    ("waits", "nobody that is woken"): (
        "        self.scheduler.make_ready(waiter)\n", "",
        "should be ready to run, and is waiting",
    ),
    ("waits", "a wait without an end"): (
        "            self.scheduler.end_at(thread, thread.frame.argument(2))\n", "            pass\n",
        "yours  keelback: process 1 (words), thread 1, waits on the word at ",
    ),
    ("exchange", "a sender that is not woken"): (
        "            sender.frame.set_result(0)\n            self.scheduler.wake(sender)\n",
        "            sender.frame.set_result(0)\n",
        "should be ready to run, and is waiting",
    ),
    ("exchange", "a message without its bytes"): (
        "                more = self.parcels.move(sender, receiver)\n", "                pass\n",
        "server (1) should go on with edx = 0x1, and does with 0x0",
    ),
    ("exchange", "a handle to reply that stays"): (
        "        caller = self.handles.caller(table, number)\n        self.handles.remove(table, number)\n",
        "        caller = self.handles.caller(table, number)\n",
        "server (1) should go on with eax = 0x3, and does with 0x6",
    ),
    ("exchange", "a badge that nobody is told"): (
        "receiver.frame.set_message(sender.exchange.badge, sender.frame)",
        "receiver.frame.set_message(0, sender.frame)",
        "should go on with",
    ),
    ("exchange", "a reply without its words"): (
        "            caller.frame.set_message(0, replier.frame)\n", "",
        "callers (3) should go on with esi = 0x14, and does with 0x2",
    ),
    ("exchange", "a call that is over when it was received"): (
        "        if sender.exchange.awaits_reply:\n"
        "            self.scheduler.move(sender, self.wait_queues.of_callers(number))\n"
        "        else:\n"
        "            sender.frame.set_result(0)\n"
        "            self.scheduler.wake(sender)\n",
        "        sender.frame.set_result(0)\n        self.scheduler.wake(sender)\n",
        "should be waiting for a reply",
    ),
    ("exchange", "a reply of bytes that the replier may not read"): (
        "            self.parcels.check_sent(replier)\n", "",
        "right  reply(3, 7, 0, 0, ",
    ),
    ("user-malloc", "pages that can't be written"): (
        "self.virtual_memory.map_zeros(space, page, USER | WRITABLE)",
        "self.virtual_memory.map_zeros(space, page, USER)",
        "should be for user mode, writable",
    ),
    ("user-malloc", "a hole that is forgotten"): (
        "        space.malloc.first = min(space.malloc.first, self._number(address))\n", "",
        "process 1 looks behind 0x80001000, which is free",
    ),
    ("user-malloc", "a hole that is too small"): (
        "if number - start >= count:", "if number - start >= 1:",
        "malloc_pages(",
    ),
    ("user-malloc", "a region that stays behind the last page"): (
        "            self.regions.carve(space, self._highest_end(space, address), end)\n", "",
        "rule   ",
    ),
    ("user-malloc", "promises that nobody makes"): (
        "        self.promises.take(space, countable(count), 0)\n", "",
        "rule   ",
    ),
    ("user-malloc", "pages that stay when one is missing"): (
        "            self._unmap(space, start, end, count)\n            raise", "            raise",
        "page",
    ),
    ("user-malloc", "pages that are not counted"): (
        "        space.malloc.count += count\n", "",
        "rule   ",
    ),
    ("user-malloc", "what was not taken, given back"): (
        "        if taken < count:\n            raise BadAddress\n", "",
        "free_pages(",
    ),
    ("shared-libs", "a library that is mapped twice"): (
        "                return mapped.slots[index].address\n        if", "                pass\n        if",
        "load_library(",
    ),
    ("shared-libs", "data that all write"): (
        "permissions & (USER | EXECUTE)", "permissions & (USER | EXECUTE | 2)",
        "is for user mode, writable",
    ),
    ("shared-libs", "a library that nobody frees"): (
        "        self.loaded.drop(library)\n", "",
        "rule   ",
    ),
    ("shared-libs", "a child without libraries"): (
        "            self._add(child, self._library(parent, index), parent.slots[index].address)\n",
        "            pass\n",
        "rule   ",
    ),
    ("shared-libs", "pages that stay when it is unloaded"): (
        "                self.virtual_memory.remove(space, address, end)\n", "",
        "should not be mapped",
    ),
    ("shared-libs", "a library that stays when there is no room"): (
        "            if library.users == 0:\n                self.loaded.free(library)\n            raise",
        "            raise",
        "user frames are free",
    ),
}  # fmt: skip
"""By lab and a name: the right text, the wrong one, and a line of the reason."""
