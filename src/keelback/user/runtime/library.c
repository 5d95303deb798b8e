/* Finding what a library exports, by way of its link page. */
#include "library.h"

/* Tell whether an export has a name; both end with a zero, or are too long to be equal. */
static int has_name(const struct library_export *export, const char *name)
{
    for (size_t i = 0; i < LINK_NAME_SIZE; i++) {
        if (export->name[i] != name[i])
            return 0;
        if (name[i] == 0)
            return 1;
    }
    return 0;
}

void *find_export(void *library, const char *name)
{
    const struct link_page *page = library;

    for (uint32_t i = 0; i < page->count; i++)
        if (has_name(&page->exports[i], name))
            return (char *)library + page->exports[i].offset;
    return NULL;
}

int32_t connect_library(const char *name, const char *const exports[], void *stubs)
{
    void **places = stubs, *library = load_library(name);

    if (failed((int32_t)library))
        return (int32_t)library;
    *places++ = library;
    for (size_t i = 0; exports[i] != NULL; i++) {
        places[i] = find_export(library, exports[i]);
        if (places[i] == NULL) {
            unload_library(library);
            return MISSING_EXPORT;
        }
    }
    return 0;
}
