/* Ends at once. */
#include "keelback.h"

int main(const char *argument)
{
    return 0;
}
