/* mmap and its relatives: memory of the process's own, since there are no files to map. */
#include <errno.h>
#include <sys/mman.h>

#include "error.h"

/* PROT_EXEC needs nothing: what can be read can be run, on this paging. */
static enum permission permissions_of(int protection)
{
    if (protection & PROT_WRITE)
        return CAN_WRITE;
    return protection & (PROT_READ | PROT_EXEC) ? CAN_READ : NO_ACCESS;
}

/*
 * Only private memory without a file: MAP_SHARED is EINVAL, a file ENODEV.  An address is a wish, but with
 * MAP_FIXED_NOREPLACE; MAP_FIXED frees what is there.
 */
void *mmap(void *address, size_t length, int protection, int flags, int file, off_t offset)
{
    enum permission permissions = permissions_of(protection);
    int fixed = (flags & MAP_FIXED_NOREPLACE) == MAP_FIXED_NOREPLACE || (flags & MAP_FIXED) != 0;
    intptr_t result;

    if (!(flags & MAP_ANONYMOUS)) {
        errno = ENODEV;
        return MAP_FAILED;
    }
    if ((flags & MAP_TYPE) != MAP_PRIVATE) {
        errno = EINVAL;
        return MAP_FAILED;
    }
    if (flags & MAP_NORESERVE)
        permissions |= SPARSE;
    if (flags & MAP_FIXED)
        sys_unmap(address, length);
    result = (intptr_t)sys_map(address, length, permissions);
    if (failed(result) && !fixed && address != NULL)
        result = (intptr_t)sys_map(NULL, length, permissions);
    return (void *)__unix_result(result);
}

int munmap(void *address, size_t length)
{
    return __unix_result(sys_unmap(address, length));
}

int mprotect(void *address, size_t length, int protection)
{
    return __unix_result(sys_protect(address, length, permissions_of(protection)));
}
