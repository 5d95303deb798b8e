/* Writes files, or what comes in, to the output: cat FILE ... */
#include <string.h>

#include "servers.h"

/* Write all of a stream to the output; return 0 after saying that its file was removed before its end. */
static int copy(uint32_t stream, const char *name)
{
    static struct reader reader;
    size_t count;

    reader.stream = stream;
    reader.is_pipe = 0;
    reader.position = 0;
    reader.answer = DONE;
    while ((count = read_stream(&reader)) > 0)
        write_output(reader.bytes, count);
    if (reader.answer != NOT_FOUND)
        return 1;
    print("cat: removed before its end: ");
    print_name(name);
    print("\n");
    return 0;
}

/* Write a file to the output; return 0 after saying why not all of it is there. */
static int copy_file(uint32_t files, const char *name)
{
    uint32_t file;
    int is_whole;

    if (ask_by_name(files, FILE_OPEN, TO_READ, name, &file) != DONE) {
        print("cat: there is no file ");
        print_name(name);
        print("\n");
        return 0;
    }
    is_whole = copy(file, name);
    sys_drop(file);
    return is_whole;
}

int main(int argc, char **argv)
{
    uint32_t files;
    int status = 0;

    need_streams();
    files = find_server("files");
    if (argc == 1 && !copy(INPUT_HANDLE, "the input"))
        status = 1;
    for (int i = 1; i < argc; i++)
        if (!copy_file(files, argv[i]))
            status = 1;
    return status;
}
