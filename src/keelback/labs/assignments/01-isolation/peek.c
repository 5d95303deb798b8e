/* Reads from a place in the kernel's part, the argument says which, and is to die of it. */
#include "keelback.h"
#include "places.h"

int main(const char *argument)
{
    return *(volatile char *)places[number_in(argument, 0)];
}
