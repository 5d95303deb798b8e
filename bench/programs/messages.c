/* Measures messages between two processes, by time stamps. */
#include "measure.h"

enum { MOST = 4096 };

static char buffer[MOST], answer[MOST];

/* Answer each call with its own words, for ever. */
static void serve_words(uint32_t endpoint)
{
    struct words words = {0};
    int32_t reply = 0;

    for (;;)
        reply = sys_reply_receive(endpoint, reply, &words);
}

/* Answer each call with its own bytes, where they are less than a page. */
static void serve_bytes(uint32_t endpoint)
{
    struct message message = {.data = buffer, .buffer = buffer, .room = sizeof buffer};
    int32_t reply = 0;

    for (;;) {
        reply = sys_reply_receive_message(endpoint, reply, &message);
        if (message.length == MOST)
            message.length = 0;
    }
}

/* Let a child serve; return it, when it waits. */
static int32_t start_server(void serve(uint32_t), uint32_t endpoint)
{
    int32_t server = sys_fork_child();

    if (server == 0)
        serve(endpoint);
    sys_yield();
    return server;
}

static struct rounds rounds;

static void measure_words(void)
{
    uint32_t endpoint = sys_endpoint_create(0);
    int32_t server = start_server(serve_words, endpoint);
    struct words words = {1, 2, 3, 0};

    for (int i = 0; i < ROUNDS; i++) {
        start();
        sys_call_endpoint(endpoint, &words);
        stop(&rounds);
    }
    say("words", &rounds);
    sys_kill(server);
}

static void measure_bytes(const char *name, uint32_t length)
{
    uint32_t endpoint = sys_endpoint_create(MOST);
    int32_t server = start_server(serve_bytes, endpoint);

    memset(buffer, 1, sizeof buffer);
    memset(answer, 1, sizeof answer);
    for (int i = 0; i < ROUNDS; i++) {
        struct message message = {.data = buffer, .length = length, .buffer = answer, .room = length};
        start();
        sys_call_message(endpoint, &message);
        stop(&rounds);
    }
    say(name, &rounds);
    sys_kill(server);
}

static void measure_bits(void)
{
    uint32_t endpoint = sys_endpoint_create(0);
    struct words words = {0};

    static struct rounds others;

    for (int i = 0; i < ROUNDS; i++) {
        start();
        sys_signal(endpoint, 1);
        stop(&rounds);
        start();
        sys_receive(endpoint, &words);
        stop(&others);
    }
    say("signal", &rounds);
    say("bits", &others);
}

int main(void)
{
    measure_own_cost(&rounds);
    measure_words();
    measure_bytes("bytes_64", 64);
    measure_bytes("bytes_4096", 4096);
    measure_bits();
    return 0;
}
