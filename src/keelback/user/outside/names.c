/* Knows who serves under which name: a server that init starts. */
#include <string.h>

#include "servers.h"

enum { ENDPOINT = 1, MOST_NAMES = 32 };

static struct {
    char name[LONGEST_SERVED_NAME + 1]; /* "": the place is free */
    uint32_t handle;
    int stays; /* when its server has ended, too */
} known[MOST_NAMES];

/* Tell whether a handle leads to an endpoint where somebody may still receive: else no signal is refused for its bits. */
static int is_served(uint32_t handle)
{
    return sys_signal(handle, 0) == ERROR_BAD_ARGUMENT;
}

/* Free the places of servers that have ended, unless they stay. */
static void forget_ended(void)
{
    for (int i = 0; i < MOST_NAMES; i++)
        if (known[i].name[0] != 0 && !known[i].stays && !is_served(known[i].handle)) {
            sys_drop(known[i].handle);
            known[i].name[0] = 0;
        }
}

/* Return the place of a name, or of "" a free one; -1 where there is none. */
static int place_of(const char *name)
{
    for (int i = 0; i < MOST_NAMES; i++)
        if (strcmp(known[i].name, name) == 0)
            return i;
    return -1;
}

/* Keep a handle by which requests can be sent, and nothing else done; return 0 where there is none. */
static uint32_t keep(uint32_t handle)
{
    int32_t kept = sys_mint(handle, MAY_SEND | MAY_GRANT, 0);

    return failed(kept) ? 0 : (uint32_t)kept;
}

/* Let a name be a handle's from now on, as long as its server is there; `init`'s for ever: nobody takes their place. */
static enum answer enter(const char *name, uint32_t handle, int stays)
{
    int place = place_of("");

    if (name[0] == 0 || !is_served(handle))
        return NOT_UNDERSTOOD;
    if (place_of(name) >= 0)
        return NOT_ALLOWED;
    if (place < 0 || (known[place].handle = keep(handle)) == 0)
        return NO_MEMORY;
    strcpy(known[place].name, name);
    known[place].stays = stays;
    return DONE;
}

/* Answer a request; the reply gives a handle if `given` is one then. */
static enum answer serve(const struct message *message, const char *name, uint32_t *given)
{
    enum answer answer = NOT_UNDERSTOOD;
    int place;

    forget_ended();
    if (message->first == NAME_REGISTER)
        answer = enter(name, message->handle, message->badge == OF_INIT);
    if (message->handle != 0)
        sys_drop(message->handle);
    if (message->first != NAME_FIND || name[0] == 0)
        return answer;
    place = place_of(name);
    *given = place < 0 ? 0 : known[place].handle;
    return place < 0 ? NOT_FOUND : DONE;
}

int main(void)
{
    static char data[MOST_DATA + 1]; /* as much as may come: what has no room would come again, for ever */

    if (__handles < ENDPOINT)
        need_streams();
    for (;;) {
        struct message message = {.buffer = data, .room = MOST_DATA}, reply = {0};
        int32_t caller = sys_receive_message(ENDPOINT, &message);
        if (caller == ERROR_CLOSED)
            return 0;
        if (failed(caller)) {
            receive_later(caller);
            continue;
        }
        data[message.length <= LONGEST_SERVED_NAME ? message.length : 0] = 0; /* "" is nobody's name */
        reply.first = serve(&message, data, &reply.handle);
        if (caller > 0)
            sys_reply_message((uint32_t)caller, &reply);
    }
}
