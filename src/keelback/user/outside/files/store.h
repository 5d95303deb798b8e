/* Files in memory: each has a name, bytes, and a number that is no other file's, that of a removed one neither. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { LONGEST_FILE_NAME = 31 };

struct file {
    uint32_t number; /* from 1 on */
    char name[LONGEST_FILE_NAME + 1];
    char *bytes;
    size_t size;
    size_t room; /* of `bytes` */
};

struct store {
    struct file **by_name, **by_number; /* the same files, in two orders */
    size_t count;
    size_t room; /* of each */
    uint32_t last_number;
};

/* Return the file of a name, of a number, or the one that so many names come before; NULL if there is none. */
struct file *file_named(const struct store *store, const char *name);
struct file *file_numbered(const struct store *store, uint32_t number);
struct file *file_behind(const struct store *store, size_t before);

/* Make an empty file, of a name that no other has; return NULL when there is no memory. */
struct file *make_file(struct store *store, const char *name);

/* Make a file empty, or remove it. */
void empty_file(struct file *file);
void remove_file(struct store *store, struct file *file);

/* Copy bytes of a file from a place on; return how many there were. */
size_t read_file(const struct file *file, size_t from, char *to, size_t most);

/* Write bytes behind a file's last one; return 0 when there is no memory, and nothing has changed. */
int add_to_file(struct file *file, const char *bytes, size_t count);
