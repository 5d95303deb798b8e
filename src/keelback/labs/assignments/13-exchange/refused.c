/* Replies with bytes that are the kernel's: that is refused, and who calls still waits for the reply that comes then. */
#include "keelback.h"

int main(void)
{
    struct message came = {0}, reply = {.first = 7, .data = (char *)0x100000, .length = 10};
    struct ending ending;
    int32_t endpoint = sys_endpoint_create(16), child = sys_fork_child();

    if (child == 0) {
        char bytes[16];
        struct message message = {.buffer = bytes, .room = sizeof bytes};

        sys_exit(sys_call_message(endpoint, &message) < 0 || message.first != 7);
    }
    int32_t caller = sys_receive_message(endpoint, &came);

    if (sys_reply_message(caller, &reply) != ERROR_BAD_ADDRESS)
        sys_exit(2);
    reply.length = 0;
    if (sys_reply_message(caller, &reply) != 0)
        sys_exit(3);
    sys_wait(child, &ending);
    return ending.status;
}
