/* Removes the file f when some of it has come, and shows what else comes than its lines. */
#include "request.h"

int main(void)
{
    static struct reader reader = {.stream = INPUT_HANDLE};
    size_t count = read_stream(&reader);

    ask_by_name(find_server("files"), FILE_REMOVE, 0, "f", NULL);
    while (count > 0) {
        if (memcmp(reader.bytes, "line", 4) != 0)
            write_output(reader.bytes, count);
        count = read_stream(&reader);
    }
    return 0;
}
