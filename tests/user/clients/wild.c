/* Makes a file whose name has what a terminal obeys. */
#include "request.h"

int main(void)
{
    uint32_t file;

    printf("%d\n", (int)ask_by_name(find_server("files"), FILE_OPEN, TO_WRITE, "\033[2J\x9b\n!", &file));
    return 0;
}
