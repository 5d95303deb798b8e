/* Loads what is no library, one twice, and unloads what is not there. */
#include "libcount.h"

static struct libcount count;

int main(void)
{
    sys_load_library("libnone");
    sys_load_library("wrong");
    sys_load_library(NULL);
    sys_unload_library(&count);
    if (load_libcount(&count) != 0)
        return 1;
    if (sys_load_library("libcount") != count.library)
        return 2;
    sys_unload_library((char *)count.library + 4096);
    if (sys_unload_library(count.library) != 0)
        return 3;
    return sys_unload_library(count.library) == 0;
}
