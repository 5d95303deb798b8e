/*
 * The payload's files.
 *
 * Source: POSIX.1-1988 section 10.1.1 (ustar interchange format).
 */
#include "archive.h"

#include <stdlib.h>
#include <string.h>

#include "keelback.h"

enum { BLOCK = 512, FIRST_ROOM = 32 };

/* The header block of a member. */
struct header {
    char name[100]; /* zero-padded */
    char unused[24];
    char size[12]; /* octal digits */
    char more[121];
    char magic[5];
};

static size_t number_of(const char *digits)
{
    size_t number = 0;

    for (; *digits >= '0' && *digits <= '7'; digits++)
        number = number << 3 | (size_t)(*digits - '0');
    return number;
}

static const char *payload;
static size_t payload_size;

/* Map the payload; return 0 when there is no memory. */
static int map_payload(uint32_t object)
{
    int32_t pages = sys_object_size(object);
    void *place;

    if (failed(pages))
        return 1; /* there is none */
    place = sys_map_object(object, 0, (size_t)pages * PAGESIZE, 0, CAN_READ);
    if (failed((intptr_t)place))
        return 0;
    payload = place;
    payload_size = (size_t)pages * PAGESIZE;
    return 1;
}

/* Find the member whose header lies at a place, and move the place behind the member; return 0 if there is none. */
static int next_member(size_t *place, struct member *member)
{
    const struct header *header = (const struct header *)(payload + *place);

    if (payload_size < BLOCK || *place > payload_size - BLOCK)
        return 0;
    if (memcmp(header->magic, "ustar", sizeof header->magic) != 0)
        return 0;
    member->size = number_of(header->size);
    if (member->size > payload_size - BLOCK - *place)
        return 0;
    memcpy(member->name, header->name, sizeof header->name);
    member->name[sizeof header->name] = 0;
    member->start = *place + BLOCK;
    *place = member->start + (member->size + BLOCK - 1) / BLOCK * BLOCK;
    return 1;
}

int read_archive(struct archive *archive, uint32_t object)
{
    size_t place = 0, room = 0;
    struct member member;

    if (!map_payload(object))
        return 0;
    while (next_member(&place, &member)) {
        if (archive->count == room) {
            room = room > 0 ? room * 2 : FIRST_ROOM;
            struct member *members = realloc(archive->members, room * sizeof *members);
            if (members == NULL)
                return 0;
            archive->members = members;
        }
        archive->members[archive->count++] = member;
    }
    return 1;
}

const struct member *member_numbered(const struct archive *archive, size_t number)
{
    return number < archive->count ? &archive->members[number] : NULL;
}

const struct member *member_named(const struct archive *archive, const char *name)
{
    for (size_t i = 0; i < archive->count; i++)
        if (strcmp(archive->members[i].name, name) == 0)
            return &archive->members[i];
    return NULL;
}

size_t read_member(const struct member *member, size_t from, char *to, size_t most)
{
    size_t count = from < member->size ? member->size - from : 0;

    if (count > most)
        count = most;
    memcpy(to, payload + member->start + from, count);
    return count;
}
