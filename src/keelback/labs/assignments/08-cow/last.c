/* Writes to pages that its child had, too, and then has alone. */
#include "keelback.h"

static char pages[3][4096];

int main(void)
{
    struct ending ending;

    for (int page = 0; page < 3; page++)
        pages[page][0] = 1;
    int32_t child = sys_fork_child();

    if (child == 0)
        sys_exit(0);
    sys_wait(child, &ending);
    for (int page = 0; page < 3; page++)
        pages[page][0]++;
    return pages[0][0] + pages[1][0] + pages[2][0] - 6;
}
