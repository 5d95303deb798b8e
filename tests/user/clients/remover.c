/* Removes the file f, which it writes, and writes on. */
#include "request.h"

int main(void)
{
    ask_by_name(find_server("files"), FILE_REMOVE, 0, "f", NULL);
    print("lost\n");
    return 0;
}
