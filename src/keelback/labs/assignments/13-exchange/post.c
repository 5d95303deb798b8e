/* Sends before anybody receives, and receives before anybody sends; words, and bytes. */
#include "keelback.h"

static char bytes[100] = "a message";

int main(void)
{
    struct ending ending;
    int32_t endpoint = sys_endpoint_create(sizeof bytes);

    for (int round = 0; round < 2; round++) {
        int32_t child = sys_fork_child();

        if (child == 0) {
            struct message message = {1, 2, 3, .data = bytes, .length = 10};

            if (round == 0)
                sys_yield();
            int32_t first = sys_send_message(endpoint, &message);

            message.first = 4;
            sys_exit(first + sys_send_message(endpoint, &message));
        }
        for (int count = 0; count < 2; count++) {
            char came[sizeof bytes];
            struct message message = {.buffer = came, .room = sizeof came};

            if (round == 1)
                sys_yield();
            if (sys_receive_message(endpoint, &message) < 0 || message.length != 10 || came[0] != 'a')
                sys_exit(1);
        }
        sys_wait(child, &ending);
        if (ending.status != 0)
            sys_exit(2);
    }
    sys_signal(endpoint, 6);
    struct message bits = {0};

    sys_receive_message(endpoint, &bits);
    return bits.first == 6 ? 0 : 3;
}
