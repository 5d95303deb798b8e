/*
 * Messages whose other side is lost: a client that is killed in its call, a server that is killed with callers waiting,
 * an endpoint that is destroyed while all send there. Everybody is told so, and nobody waits for ever.
 */
#include "keelback.h"

enum { CALLERS = 20 };

static struct words words;

static void expect(int holds, const char *what)
{
    if (!holds)
        sys_panic(what);
}

/* Fork; return the child, or 0 in the child. */
static int32_t start_child(void)
{
    int32_t child = sys_fork_child();

    expect(child >= 0, "there is no memory for so many processes");
    return child;
}

/* Wait for so many children; return how many exited with a status. */
static int count_endings(int children, int32_t status)
{
    int count = 0;

    while (children-- > 0) {
        struct ending ending;
        expect(sys_wait(ANY_CHILD, &ending) > 0, "a child is lost");
        count += ending.how == EXITED && ending.status == status;
    }
    return count;
}

/* Call until that fails; exit with what it says. */
static int call_until_told(uint32_t endpoint)
{
    int32_t result;

    while ((result = sys_call_endpoint(endpoint, &words)) == 0)
        ;
    return -result;
}

/* Let children call through an endpoint where they can't receive. */
static void start_callers(uint32_t endpoint)
{
    uint32_t way = sys_mint(endpoint, MAY_SEND, 0);

    for (int i = 0; i < CALLERS; i++)
        if (start_child() == 0) {
            sys_drop(endpoint);
            sys_exit(call_until_told(way));
        }
    sys_drop(way);
}

static void lose_a_client(void)
{
    uint32_t endpoint = sys_endpoint_create(0);
    int32_t client = start_child();

    if (client == 0)
        sys_exit(call_until_told(endpoint));
    int32_t reply = sys_receive(endpoint, &words);
    expect(reply > 0 && sys_kill(client) == 0, "there is no client to kill");
    expect(sys_reply(reply, &words) == UNHEARD, "the dead have heard");
    count_endings(1, 0);
    sys_drop(endpoint);
    print("lost: a client, and its server knows\n");
}

/* Let a child receive some of the calls, and be killed: who was received and who was not are told different things. */
static void lose_a_server(void)
{
    uint32_t endpoint = sys_endpoint_create(0), ready = sys_endpoint_create(0);
    int32_t server = start_child();

    if (server == 0) {
        for (int i = 0; i < CALLERS / 2; i++)
            sys_receive(endpoint, &words);
        sys_signal(ready, 1);
        sys_sleep(1000); /* until it is killed */
        sys_exit(1);
    }
    start_callers(endpoint);
    sys_drop(endpoint);
    expect(sys_receive(ready, &words) == NOTIFIED && sys_drop(ready) == 0, "nothing is signalled");
    expect(sys_kill(server) == 0, "there is no server to kill");
    int told = 0;
    for (int i = 0; i <= CALLERS; i++) {
        struct ending ending;
        expect(sys_wait(ANY_CHILD, &ending) > 0, "a child is lost");
        if (ending.how == EXITED)
            told += ending.status == -ERROR_NO_REPLY ? 1 : ending.status == -ERROR_CLOSED ? 100 : 10000;
    }
    expect(told == CALLERS / 2 + CALLERS / 2 * 100, "a caller was told something else");
    print("lost: a server, and its callers know\n");
}

static void lose_an_endpoint(void)
{
    uint32_t endpoint = sys_endpoint_create(0);
    int32_t reply = 0;

    start_callers(endpoint);
    for (int i = 0; i < 10 * CALLERS; i++)
        expect((reply = sys_reply_receive(endpoint, reply, &words)) > 0, "nobody calls");
    expect(sys_endpoint_destroy(endpoint) == 0, "it can't be destroyed");
    expect(sys_reply(reply, &words) == UNHEARD && sys_receive(endpoint, &words) == ERROR_CLOSED, "it is there still");
    expect(count_endings(CALLERS, -ERROR_CLOSED) == CALLERS, "a caller was told something else");
    sys_drop(endpoint);
    print("lost: an endpoint, and all who called there know\n");
}

int main(void)
{
    expect(sys_endpoint_create(0) > 0, "there are no messages");
    lose_a_client();
    lose_a_server();
    lose_an_endpoint();
    return 0;
}
