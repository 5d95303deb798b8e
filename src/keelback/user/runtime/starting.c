/* Starting programs with handles. */
#include "servers.h"

enum { MOST_GIVEN = 16 };

int32_t start_program(const char *name, const char *argument, const struct given *given, size_t count)
{
    uint32_t handles[MOST_GIVEN];
    int32_t result = 0;
    size_t made = 0;

    while (made < count && !failed(result)) {
        result = sys_mint(given[made].handle, given[made].rights, 0);
        if (!failed(result))
            handles[made++] = (uint32_t)result;
    }
    if (!failed(result))
        result = sys_spawn_with(name, argument, handles, (uint32_t)count);
    while (made > 0)
        sys_drop(handles[--made]);
    return result;
}
