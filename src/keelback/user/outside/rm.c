/* Removes files from memory: rm FILE ... */
#include "servers.h"

int main(int argc, char **argv)
{
    int status = 0;

    need_streams();
    for (int i = 1; i < argc; i++) {
        enum answer answer = ask_by_name(find_server("files"), FILE_REMOVE, 0, argv[i], NULL);
        if (answer == DONE)
            continue;
        status = 1;
        print(answer == NOT_ALLOWED ? "rm: the payload has it and stays as it is: " : "rm: there is no file ");
        print_name(argv[i]);
        print("\n");
    }
    return status;
}
