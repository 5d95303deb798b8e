/* Lists the files that there are, or some of them, with their sizes in bytes: ls FILE ... */
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

/* List the file of a name, or with NULL all; return how many there are. */
static int list(uint32_t files, const char *wanted)
{
    int count = 0;

    for (size_t i = 0;; i++) {
        char name[101];
        struct message message = {.second = i, .buffer = name, .room = sizeof name - 1};
        if (ask(files, FILE_LIST, &message) != DONE)
            return count;
        name[message.length] = 0;
        if (wanted != NULL && strcmp(name, wanted) != 0)
            continue;
        count++;
        print_column(message.second, 8);
        print(message.third == IN_MEMORY ? "  in memory  " : "  payload    ");
        print_name(name);
        print("\n");
    }
}

int main(int argc, char **argv)
{
    int status = 0;
    uint32_t files;

    need_streams();
    files = find_server("files");
    if (argc < 2)
        list(files, NULL);
    for (int i = 1; i < argc; i++) {
        if (list(files, argv[i]) == 0) {
            print("ls: there is no file ");
            print_name(argv[i]);
            print("\n");
            status = 1;
        }
    }
    return status;
}
