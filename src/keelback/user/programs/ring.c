/*
 * A ring of as many processes as the argument says, 50 unless told: each takes a token and a page from the one before
 * it, adds one to both, and passes them on to the next.  The page is not copied: it moves, and who gave it has it no more.
 */
#include "keelback.h"

enum { MOST_PROCESSES = 200, ROUNDS = 3 };

/* Take the token and the page as often as they come round, and pass them on. */
static int be_member(uint32_t before, uint32_t next)
{
    for (int round = 0; round < ROUNDS; round++) {
        struct message message = {.most_pages = 1};
        if (sys_receive_message(before, &message) != 0 || message.page_count != 1)
            return 1;
        message.first++;
        ((char *)message.pages)[message.first % PAGESIZE]++;
        if (sys_send_message(next, &message) != 0)
            return 1;
    }
    return 0;
}

int main(const char *argument)
{
    uint32_t processes = number_in(argument, 50), places[MOST_PROCESSES + 1], token = 0, marks = 0;

    if (processes == 0 || processes > MOST_PROCESSES)
        sys_panic("a ring has from 1 to 200 processes");
    for (uint32_t i = 0; i <= processes; i++) {
        int32_t place = sys_endpoint_create(PAGESIZE);
        if (place < 0)
            sys_panic("there are no messages");
        places[i] = place;
    }
    for (uint32_t i = 0; i < processes; i++) {
        int32_t child = sys_fork_child();
        if (child == 0)
            return be_member(places[i], places[i + 1]);
        if (child < 0)
            sys_panic("there is no memory for so many processes");
    }
    char *page = sys_map(0, PAGESIZE, CAN_WRITE);
    if (failed((intptr_t)page))
        sys_panic("there is no memory for a page");
    for (int round = 0; round < ROUNDS; round++) {
        struct message message = {token, .pages = page, .page_count = 1, .most_pages = 1};
        if (sys_send_message(places[0], &message) != 0 || sys_receive_message(places[processes], &message) != 0)
            sys_panic("the token is lost");
        token = message.first;
        page = message.pages;
    }
    for (uint32_t i = 0; i < processes; i++) {
        struct ending ending;
        if (sys_wait(ANY_CHILD, &ending) < 0 || ending.how != EXITED || ending.status != 0)
            sys_panic("a process ended otherwise than it should");
    }
    for (uint32_t i = 0; i < PAGESIZE; i++)
        marks += page[i];
    print("ring: a token went through ");
    print_unsigned(token);
    print(" hands, and a page has ");
    print_unsigned(marks);
    print(" marks of them\n");
    return 0;
}
