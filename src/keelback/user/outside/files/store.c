/* Files in memory. */
#include "store.h"

#include <stdlib.h>
#include <string.h>

enum { SMALLEST_ROOM = 64, FIRST_FILES = 16 };

/* Return how many names come before one. */
static size_t place_of_name(const struct store *store, const char *name)
{
    size_t low = 0, high = store->count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(store->by_name[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Return how many numbers are lower than one. */
static size_t place_of_number(const struct store *store, uint32_t number)
{
    size_t low = 0, high = store->count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (store->by_number[middle]->number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct file *file_named(const struct store *store, const char *name)
{
    struct file *file = file_behind(store, place_of_name(store, name));

    return file != NULL && strcmp(file->name, name) == 0 ? file : NULL;
}

struct file *file_numbered(const struct store *store, uint32_t number)
{
    size_t place = place_of_number(store, number);

    return place < store->count && store->by_number[place]->number == number ? store->by_number[place] : NULL;
}

struct file *file_behind(const struct store *store, size_t before)
{
    return before < store->count ? store->by_name[before] : NULL;
}

/* Let one of the two lists have room for so many files; return 0 when there is no memory. */
static int grow(struct file ***list, size_t room)
{
    struct file **grown = realloc(*list, room * sizeof *grown);

    if (grown == NULL)
        return 0;
    *list = grown;
    return 1;
}

/* Let both lists have room for one more file; return 0 when there is no memory. */
static int make_place(struct store *store)
{
    size_t room = store->room > 0 ? store->room * 2 : FIRST_FILES;

    if (store->count < store->room)
        return 1;
    if (!grow(&store->by_name, room) || !grow(&store->by_number, room))
        return 0;
    store->room = room;
    return 1;
}

struct file *make_file(struct store *store, const char *name)
{
    struct file *file = make_place(store) ? calloc(1, sizeof *file) : NULL;
    struct file **place;

    if (file == NULL)
        return NULL;
    place = store->by_name + place_of_name(store, name);
    strcpy(file->name, name);
    file->number = ++store->last_number;
    memmove(place + 1, place, (size_t)(store->by_name + store->count - place) * sizeof *place);
    *place = file;
    store->by_number[store->count++] = file;
    return file;
}

/* Take the file at a place of a list out. */
static void take_out(struct file **list, size_t place, size_t count)
{
    memmove(list + place, list + place + 1, (count - place - 1) * sizeof *list);
}

void empty_file(struct file *file)
{
    free(file->bytes);
    file->bytes = NULL;
    file->size = file->room = 0;
}

void remove_file(struct store *store, struct file *file)
{
    take_out(store->by_name, place_of_name(store, file->name), store->count);
    take_out(store->by_number, place_of_number(store, file->number), store->count);
    store->count--;
    empty_file(file);
    free(file);
}

size_t read_file(const struct file *file, size_t from, char *to, size_t most)
{
    size_t count = from < file->size ? file->size - from : 0;

    if (count > most)
        count = most;
    if (count > 0)
        memcpy(to, file->bytes + from, count);
    return count;
}

/* Let a file have room for so many bytes; return 0 when there is no memory. */
static int make_room(struct file *file, size_t size)
{
    size_t room = file->room > 0 ? file->room : SMALLEST_ROOM;
    char *bytes;

    while (room < size)
        room *= 2;
    if (room == file->room)
        return 1;
    bytes = realloc(file->bytes, room);
    if (bytes == NULL)
        return 0;
    file->bytes = bytes;
    file->room = room;
    return 1;
}

int add_to_file(struct file *file, const char *bytes, size_t count)
{
    if (!make_room(file, file->size + count))
        return 0;
    memcpy(file->bytes + file->size, bytes, count);
    file->size += count;
    return 1;
}
