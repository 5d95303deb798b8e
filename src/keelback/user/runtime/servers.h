/*
 * Programs that serve others: how they are asked, and the handles that a program has which `init` or the shell starts.
 *
 *     names    knows who serves under which name                NAME_...
 *     files    files: the payload's, and those in memory        FILE_..., and STREAM_... through a file's handle
 *     console  what is typed, and what is shown                 LINE_..., STREAM_...
 *
 * A request is a message: its first word says what it is, and names and bytes are its data.  The first word of a reply
 * is an `enum answer`.  A *stream* is a handle that bytes are sent through (STREAM_WRITE), or that they are read from:
 * by a call (STREAM_READ), or, where it has the right to receive, as messages that somebody sends; that is a pipe.
 */
#pragma once

#include "keelback.h"

/* A program that the kernel starts has the first alone. */
enum { NAMES_HANDLE = NAMES, INPUT_HANDLE, OUTPUT_HANDLE, STREAM_HANDLES = OUTPUT_HANDLE };

enum request {
    STREAM_WRITE = 1, /* data */
    STREAM_READ, /* from a position, at most so many bytes -> data, none at the end */
    NAME_REGISTER, /* name, handle */
    NAME_FIND, /* name -> handle */
    FILE_OPEN, /* enum opening, name -> handle */
    FILE_LIST, /* how many come before it -> whether there is one, its size, enum file_kind; its name */
    FILE_REMOVE, /* name */
    LINE_READ, /* prompt -> enum typed, line; nobody reads what is typed in another way from then on */
    LINE_LEND, /* -> the handle of a stream to read what is typed, of use until the next is lent or LINE_READ */
    LINE_FOREGROUND, /* ids of processes that control-C ends, none: there are none; the handle of who started them */
};

enum answer {
    DONE,
    NOT_FOUND,
    NO_MEMORY,
    NOT_ALLOWED, /* the file can't be written or removed; the name is taken; it is not who asks whose that is to do */
    NOT_UNDERSTOOD,
    NOT_SERVED = -1, /* nobody replied */
};

enum opening { TO_READ, TO_WRITE, TO_ADD }; /* one that is to be written is made, and emptied or not */
enum file_kind { OF_PAYLOAD = 1, IN_MEMORY = 2 };
enum typed { LINE_ENTERED = DONE, LINE_ENDED = 100, LINE_INTERRUPTED };

enum { LONGEST_SERVED_NAME = 31, LONGEST_LINE = 1023 };

/* Badges that `init` chooses: of the handle by which LINE_... are asked, and of that whose names are taken for ever. */
enum { OF_SHELL = 1, OF_INIT = 1 };

/* How many handles `spawn_with` gave the program. */
extern __attribute__((__visibility__("hidden"))) uint32_t __handles;

/* Tell whether the program has streams and can ask servers. */
static inline int has_streams(void)
{
    return __handles >= STREAM_HANDLES;
}

/* End the program with a line that says where it can run, unless it has streams. */
void need_streams(void);

/* Wait a tick where memory kept a server from receiving, which others may give back; end it where it never may. */
void receive_later(int32_t error);

/* Ask a server; what comes goes into the message.  Return the answer. */
enum answer ask(uint32_t server, enum request request, struct message *message);

/* Return the handle of who serves under a name, or 0. */
uint32_t find_server(const char *name);

/* Ask with a name alone. */
enum answer ask_by_name(uint32_t server, enum request request, uintptr_t word, const char *name, uint32_t *handle);

/* Write bytes to a stream; return DONE when all were written, NOT_SERVED when nobody reads it any more. */
enum answer write_stream(uint32_t stream, const char *bytes, size_t count);

/* Write bytes to the program's output, behind what was printed; a program that can't ends with status 1. */
void write_output(const char *bytes, size_t count);

/* Print a name that others chose: what is no character of ASCII as `?`, so that it tells a terminal nothing. */
void print_name(const char *name);

/* A stream that is read. */
struct reader {
    uint32_t stream;
    int is_pipe;
    enum answer answer; /* DONE, or why there is no more: the file was removed */
    size_t position; /* behind what was read */
    char bytes[MOST_DATA];
};

/* Read what comes next into `bytes`; return how many there are, 0 at the end, or where `answer` is not DONE. */
size_t read_stream(struct reader *reader);

/* A handle that a program is started with, and those of its rights that it gets. */
struct given {
    uint32_t handle;
    uint32_t rights;
};

/* Start a program of the payload as a child that has some handles, from number 1 on; return its id, or an error. */
int32_t start_program(const char *name, const char *argument, const struct given *given, size_t count);
