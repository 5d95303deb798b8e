/* libgfx for C programs: what user/libraries/libgfx.py exports. */
#ifndef KEELBACK_LIBGFX_H
#define KEELBACK_LIBGFX_H

#include "library.h"

/* Rows count from 1 to 25, columns from 1 to 80; results are 0, or ERROR_BAD_ARGUMENT. */
struct libgfx {
    void *library;
    int32_t (*box)(uint32_t row, uint32_t column, uint32_t height, uint32_t width);
    uint32_t (*calls)(void); /* how often this process has called the others */
    int32_t (*clear)(void);
    int32_t (*colour)(uint32_t foreground, uint32_t background); /* 0 to 7 each */
    int32_t (*text)(uint32_t row, uint32_t column, const char *text);
};

static const char *const libgfx_exports[] = {"box", "calls", "clear", "colour", "text", NULL};

/* Load libgfx and fill in its functions; return 0 or an error, as connect_library does. */
static inline int32_t load_libgfx(struct libgfx *gfx)
{
    return connect_library("libgfx", libgfx_exports, gfx);
}

#endif
