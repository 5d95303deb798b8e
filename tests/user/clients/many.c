/* Enters as many names as it can. */
#include "request.h"

int main(void)
{
    int last = 0;

    for (int i = 0; i < 40; i++) {
        char name[8];
        struct message message = {.data = name, .handle = (uint32_t)sys_endpoint_create(0)};
        message.length = (uint32_t)snprintf(name, sizeof name, "n%d", i);
        last = (int)ask(NAMES_HANDLE, NAME_REGISTER, &message);
        if (last != DONE) {
            printf("%d names, then %d\n", i, last);
            break;
        }
    }
    printf("%d %d\n", find_server("n0") != 0, find_server("files") != 0);
    return 0;
}
