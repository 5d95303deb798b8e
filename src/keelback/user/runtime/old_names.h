/* What the calls were named before all of them were sys_ and a name: programs that say so still build, with a warning. */
#ifndef KEELBACK_OLD_NAMES_H
#define KEELBACK_OLD_NAMES_H

#define KEELBACK_NOW(name) __attribute__((__deprecated__("it is called " #name " now"))) static inline

KEELBACK_NOW(sys_exec) int32_t exec(const char *name, const char *argument) { return sys_exec(name, argument); }
KEELBACK_NOW(sys_spawn) int32_t spawn(const char *name, const char *argument) { return sys_spawn(name, argument); }
KEELBACK_NOW(sys_wait) int32_t wait_for(int32_t id, struct ending *ending) { return sys_wait(id, ending); }
KEELBACK_NOW(sys_new_page) int32_t allocate_page(void *address) { return sys_new_page(address); }
KEELBACK_NOW(sys_map) void *map_memory(void *address, size_t length, enum permission permissions)
{
    return sys_map(address, length, permissions);
}
KEELBACK_NOW(sys_unmap) int32_t unmap_memory(void *address, size_t length) { return sys_unmap(address, length); }
KEELBACK_NOW(sys_protect) int32_t protect_memory(void *address, size_t length, enum permission permissions)
{
    return sys_protect(address, length, permissions);
}
KEELBACK_NOW(sys_frame_counts) int32_t count_frames(struct frame_counts *counts) { return sys_frame_counts(counts); }
KEELBACK_NOW(sys_malloc_pages) void *malloc_pages(size_t count) { return sys_malloc_pages(count); }
KEELBACK_NOW(sys_free_pages) int32_t free_pages(void *address, size_t count) { return sys_free_pages(address, count); }
KEELBACK_NOW(sys_load_library) void *load_library(const char *name) { return sys_load_library(name); }
KEELBACK_NOW(sys_unload_library) int32_t unload_library(void *address) { return sys_unload_library(address); }


#ifdef __clang__ /* beside the kill of <signal.h>, which takes a signal too */
KEELBACK_NOW(sys_kill) __attribute__((__overloadable__)) int32_t kill(int32_t id) { return sys_kill(id); }
#endif

#undef KEELBACK_NOW

#endif
