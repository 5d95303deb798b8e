/* Asks the console for what is the shell's, by the handle that all find and by that which it was lent. */
#include "request.h"

int main(void)
{
    uint32_t console = find_server("console");

    printf("%d", request(console, STREAM_READ));
    for (enum request what = LINE_READ; what <= LINE_FOREGROUND; what++)
        printf(" %d %d", request(console, what), request(INPUT_HANDLE, what));
    printf(" %d\n", request(console, STREAM_WRITE));
    return 0;
}
