/* Asks a server of the shell for something that needs no more than its name. */
#include <stdio.h>
#include <string.h>

#include "servers.h"

static inline int request(uint32_t server, enum request what)
{
    struct message message = {0};

    return (int)ask(server, what, &message);
}
