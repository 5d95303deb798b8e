/*
 * What a line says that is typed to the shell:
 *
 *     line      job, then `;` or `&` and another, as often as one likes
 *     job       command, then `|` and another
 *     command   words, the first of which is a program, among them `< file`, `> file` and `>> file`
 *     word      characters but blanks and these signs; what is between two ' or two " is part of it as it is, a
 *               backslash makes the next character an ordinary one, `$?` is a status; `#` begins a remark
 */
#pragma once

#include <stddef.h>

enum { MOST_COMMANDS = 8, LONGEST_NAME = 31, LONGEST_ARGUMENT = 255 };

struct command {
    char name[LONGEST_NAME + 1]; /* "": there is none */
    char argument[LONGEST_ARGUMENT + 1]; /* the words behind it, quoted where a program would take one for several */
    char input[LONGEST_NAME + 1]; /* a file's name, "": none */
    char output[LONGEST_NAME + 1];
    int adds; /* to the output's end */
};

/* Commands, each of which reads what the one before it writes. */
struct job {
    struct command commands[MOST_COMMANDS];
    size_t count; /* 0: nothing is to be done */
    int in_background;
};

/*
 * Read the next job of a line from a place on, and move the place behind it, to the line's end at last.  Return NULL,
 * or what is wrong with the line.
 */
const char *read_job(const char **place, int status, struct job *job);
