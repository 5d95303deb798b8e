/* The first instructions of a program whose main takes argc and argv. */
#include <stdlib.h>

#include "start.h"

enum { ARGUMENT_SIZE = 256, MOST_WORDS = ARGUMENT_SIZE / 2 + 1 };

int main(int count, char *words[], char *environment[]);

/*
 * Split the argument at blanks, in place: each word gets a zero behind it.  What is between two ' or two " is of one
 * word, and the quotes are not. Return the count, that of the program's name with it.
 */
static int split(char *from, char *words[])
{
    char *to = from, quote = 0;
    int count = 1;

    while (*from != 0) {
        if (*from == ' ') {
            from++;
            continue;
        }
        words[count++] = to;
        for (; *from != 0 && (quote != 0 || *from != ' '); from++) {
            if (quote != 0 ? *from == quote : *from == '\'' || *from == '"')
                quote = quote != 0 ? 0 : *from;
            else
                *to++ = *from;
        }
        from += *from == ' ';
        *to++ = 0; /* where the blank was, or in front of it */
    }
    return count;
}

KEELBACK_START(char *argument)
{
    static char text[ARGUMENT_SIZE], *words[MOST_WORDS + 1], *nothing[1];
    size_t length = strlen(argument);
    int count;

    memcpy(text, argument, length + 1);
    words[0] = (char *)__name;
    count = split(text, words);
    NOTE_HANDLES();
    exit(main(count, words, nothing));
}
