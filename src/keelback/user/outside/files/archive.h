/* The payload's files, as the kernel has them: a ustar archive, which nobody changes. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct member {
    char name[101]; /* and a zero */
    size_t start; /* where its bytes are in the payload */
    size_t size;
};

struct archive {
    struct member *members; /* in the payload's order */
    size_t count;
};

/* Find all members of the payload, a memory object, if the handle is one's; return 0 when there is no memory. */
int read_archive(struct archive *archive, uint32_t object);

/* Return the member of a number, from 0 on, or of a name; NULL if there is none. */
const struct member *member_numbered(const struct archive *archive, size_t number);
const struct member *member_named(const struct archive *archive, const char *name);

/* Copy bytes of a member from a place on; return how many there were. */
size_t read_member(const struct member *member, size_t from, char *to, size_t most);
