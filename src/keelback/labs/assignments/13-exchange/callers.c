/* Two children call before anybody receives, so their calls wait among the senders; they are answered in another order. */
#include "keelback.h"

static int be_caller(uint32_t endpoint, uint32_t number)
{
    struct message message = {.first = number};

    return sys_call_message(endpoint, &message) < 0 || message.first != 10 * number;
}

int main(void)
{
    int32_t endpoint = sys_endpoint_create(16), children[2], replies[2];
    struct message came[2] = {{0}, {0}};
    struct ending ending;

    for (uint32_t number = 0; number < 2; number++) {
        children[number] = sys_fork_child();
        if (children[number] == 0)
            sys_exit(be_caller(endpoint, number + 1));
    }
    sys_sleep(1);
    for (int number = 0; number < 2; number++) {
        replies[number] = sys_receive_message(endpoint, &came[number]);
        if (replies[number] <= 0)
            sys_exit(1);
    }
    for (int number = 1; number >= 0; number--) {
        struct message reply = {.first = 10 * came[number].first};

        if (sys_reply_message(replies[number], &reply) != 0)
            sys_exit(2);
    }
    for (int number = 0; number < 2; number++)
        if (sys_wait(children[number], &ending) != children[number] || ending.status != 0)
            sys_exit(3);
    return 0;
}
