/* Lists the files that there are, with their sizes in bytes. */
#include <string.h>

#include "servers.h"

/* Print a number in so many columns. */
static void print_column(size_t number, size_t columns)
{
    for (size_t rest = number; rest >= 10; rest /= 10)
        columns--;
    while (--columns > 0)
        print(" ");
    print_unsigned((uint32_t)number);
}

int main(void)
{
    uint32_t files;

    need_streams();
    files = find_server("files");
    for (size_t i = 0;; i++) {
        char name[101];
        struct message message = {.second = i, .buffer = name, .room = sizeof name - 1};
        if (ask(files, FILE_LIST, &message) != DONE)
            return 0;
        name[message.length] = 0;
        print_column(message.second, 8);
        print(message.third == IN_MEMORY ? "  in memory  " : "  payload    ");
        print_name(name);
        print("\n");
    }
}
