/*
 * Libraries as a program sees them: the link page, where the exports lie, and typed stubs.
 *
 * A library's stubs are a structure of function pointers, one for each export that the program uses,
 * in the order of a list of names:
 *
 *     struct libcount { void *library; int32_t (*next)(int32_t by); };
 *     static const char *const libcount_exports[] = { "next", NULL };
 *
 *     if (connect_library("libcount", libcount_exports, &count) < 0) ...
 *     count.next(1);
 */
#ifndef KEELBACK_LIBRARY_H
#define KEELBACK_LIBRARY_H

#include "keelback.h"

enum { LINK_MAGIC = 0x4b4e494c, LINK_NAME_SIZE = 28 };

/* What connect_library returns when the library lacks a function; no system call returns it. */
enum { MISSING_EXPORT = -255 };

/* One function that a library lets others call. */
struct library_export {
    char name[LINK_NAME_SIZE]; /* zero-padded */
    uint32_t offset;           /* from the start of the link page */
};

/* The page in front of a library's image. */
struct link_page {
    uint32_t magic; /* LINK_MAGIC */
    uint32_t size;  /* bytes of the image behind the page */
    uint32_t count; /* of exports, at most 127 */
    uint32_t unused;
    struct library_export exports[]; /* sorted by name */
};

/*
 * Load a library and fill in stubs: a pointer to the library, then one to each export of a list that ends
 * with NULL. Return 0, an error of load_library, or MISSING_EXPORT; then the library is not loaded.
 */
int32_t connect_library(const char *name, const char *const exports[], void *stubs);

#endif
