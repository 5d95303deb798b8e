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

/* Tell whether an export has a name; both end with a zero, or are too long to be equal. */
static inline int has_name(const struct library_export *entry, const char *name)
{
    for (size_t i = 0; i < LINK_NAME_SIZE; i++) {
        if (entry->name[i] != name[i])
            return 0;
        if (name[i] == 0)
            return 1;
    }
    return 0;
}

/* Return the address of a library's export, NULL when it has none of that name. */
static inline void *find_export(void *library, const char *name)
{
    const struct link_page *page = (const struct link_page *)library;

    for (uint32_t i = 0; i < page->count; i++)
        if (has_name(&page->exports[i], name))
            return (char *)library + page->exports[i].offset;
    return NULL;
}

/*
 * Load a library and fill in stubs: a pointer to the library, then one to each export of a list that ends
 * with NULL. Return 0, an error of load_library, or MISSING_EXPORT; then the library is not loaded.
 */
static inline int32_t connect_library(const char *name, const char *const exports[], void *stubs)
{
    void **places = (void **)stubs, *library = sys_load_library(name);

    if (failed((intptr_t)library))
        return (int32_t)(intptr_t)library;
    *places++ = library;
    for (size_t i = 0; exports[i] != NULL; i++) {
        places[i] = find_export(library, exports[i]);
        if (places[i] == NULL) {
            sys_unload_library(library);
            return MISSING_EXPORT;
        }
    }
    return 0;
}

#endif
