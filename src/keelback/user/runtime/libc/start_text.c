/* The first instructions of a program that uses the library and whose main takes the argument as it is, or nothing. */
#include <stdlib.h>

#include "start.h"

int main_of_a_text(const char *argument) __asm__("main"); /* that of ISO C takes none */

KEELBACK_START(const char *argument)
{
    NOTE_HANDLES();
    exit(main_of_a_text(argument));
}
