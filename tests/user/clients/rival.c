/* Tries to take a server's place, and to end each of them. */
#include "request.h"

int main(void)
{
    static char bytes[MOST_DATA];
    int32_t own = sys_endpoint_create(0);
    struct message longest = {.first = NAME_FIND, .data = bytes, .length = MOST_DATA};
    struct message rival = {.data = "files", .length = 5, .handle = (uint32_t)own};

    printf("%d", sys_call_message(NAMES_HANDLE, &longest));
    printf(" %d", (int)longest.first);
    printf(" %d", (int)ask(NAMES_HANDLE, NAME_REGISTER, &rival));
    for (int32_t pid = 1; pid < 6; pid++)
        printf(" %d", sys_kill(pid));
    printf("\n");
    return 0;
}
