/*
 * A server with as many clients as the argument says, 100 unless told. It holds the calls of all before it replies to
 * the first, knows each by its badge, and sends back what bytes it was sent, the last one first.
 */
#include "keelback.h"

enum { MOST_CLIENTS = 400, ROUNDS = 2 };

static char bytes[256];

/* Call the server, and see that the reply is of this client's call. */
static int be_client(uint32_t server, uint32_t number)
{
    uint32_t length = number % (sizeof bytes + 1);

    for (uint32_t round = 0; round < ROUNDS; round++) {
        char came[sizeof bytes];
        struct message message = {round, number, 0, .data = bytes, .length = length, .buffer = came, .room = sizeof came};

        for (uint32_t i = 0; i < length; i++)
            bytes[i] = (char)(number + round + i);
        if (sys_call_message(server, &message) < 0 || message.first != number + round || message.length != length)
            return 1;
        for (uint32_t i = 0; i < length; i++)
            if (came[i] != bytes[length - 1 - i])
                return 1;
    }
    return 0;
}

/* Receive a call of each client, which has one, and send each back what it sent, the last one first. */
static uint32_t serve(uint32_t endpoint, uint32_t clients)
{
    static struct {
        uint32_t reply;
        struct message message;
        char bytes[sizeof bytes];
    } calls[MOST_CLIENTS];
    uint32_t sum = 0;

    for (uint32_t i = 0; i < clients; i++) {
        struct message *message = &calls[i].message;
        *message = (struct message){.buffer = calls[i].bytes, .room = sizeof bytes};
        int32_t reply = sys_receive_message(endpoint, message);
        if (reply <= 0 || message->badge != message->second + 1)
            sys_panic("a call came otherwise than it should");
        calls[i].reply = reply;
    }
    for (uint32_t i = clients; i-- > 0;) {
        struct message *message = &calls[i].message;
        char *first = calls[i].bytes, *last = first + message->length;
        while (first < last) {
            char other = *first;
            *first++ = *--last;
            *last = other;
        }
        message->first += message->second;
        message->data = calls[i].bytes;
        sum += message->first;
        if (sys_reply_message(calls[i].reply, message) != 0)
            sys_panic("a reply reached nobody");
    }
    return sum;
}

int main(const char *argument)
{
    uint32_t clients = number_in(argument, 100), sum = 0;
    int32_t endpoint = sys_endpoint_create(sizeof bytes);

    if (clients > MOST_CLIENTS || endpoint < 0)
        sys_panic("there are too many clients, or no messages");
    for (uint32_t i = 0; i < clients; i++) {
        int32_t own = sys_mint(endpoint, MAY_SEND, i + 1), child = sys_fork_child();
        if (child == 0) {
            sys_drop(endpoint);
            return be_client(own, i);
        }
        if (child < 0 || sys_drop(own) != 0)
            sys_panic("there is no memory for so many clients");
    }
    for (uint32_t round = 0; round < ROUNDS; round++)
        sum += serve(endpoint, clients);
    for (uint32_t i = 0; i < clients; i++) {
        struct ending ending;
        if (sys_wait(ANY_CHILD, &ending) < 0 || ending.how != EXITED || ending.status != 0)
            sys_panic("a client ended otherwise than it should");
    }
    print("server: ");
    print_unsigned(clients);
    print(" clients, ");
    print_unsigned(ROUNDS * clients);
    print(" calls, sum ");
    print_unsigned(sum);
    print("\n");
    return 0;
}
