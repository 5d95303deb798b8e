/* libcount for C programs: what user/libraries/libcount.c exports. */
#ifndef KEELBACK_LIBCOUNT_H
#define KEELBACK_LIBCOUNT_H

#include "library.h"

struct libcount {
    void *library;
    const char *(*name)(uint32_t number);
    int32_t (*next)(int32_t by);
    int32_t (*sum)(void);
};

static const char *const libcount_exports[] = {"count_name", "count_next", "count_sum", NULL};

/* Load libcount and fill in its functions; return 0 or an error, as connect_library does. */
static inline int32_t load_libcount(struct libcount *count)
{
    return connect_library("libcount", libcount_exports, count);
}

#endif
