/* execv and execvp: a program of the payload by its name.  The kernel hands on one text: the words, with blanks between. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "error.h"

enum { ARGUMENT_SIZE = 256 };

/* Append a word, in quotes where it has blanks or nothing; return where it ends, NULL when it does not fit. */
static char *append(char *at, const char *last, const char *word)
{
    const char *quote = *word == 0 || strpbrk(word, " \"") != NULL ? "'" : strchr(word, '\'') != NULL ? "\"" : "";
    size_t length = strlen(word);

    if (length + 2 >= (size_t)(last - at))
        return NULL;
    at = stpcpy(at, quote);
    at = stpcpy(at, word);
    return stpcpy(at, quote);
}

int execv(const char *name, char *const words[])
{
    char argument[ARGUMENT_SIZE] = "", *at = argument;

    for (size_t i = 1; words[0] != NULL && words[i] != NULL; i++) {
        if (i > 1)
            *at++ = ' ';
        at = append(at, argument + sizeof argument - 1, words[i]);
        if (at == NULL) {
            errno = E2BIG;
            return -1;
        }
    }
    return __unix_result(sys_exec(name, argument));
}

int execvp(const char *name, char *const words[])
{
    return execv(name, words);
}
