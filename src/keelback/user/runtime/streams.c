/* Asking servers, and streams. */
#include "servers.h"

void need_streams(void)
{
    if (has_streams())
        return;
    __say(__name);
    __say(": it needs the servers that the shell brings: keelback run --shell\n");
    sys_exit(1);
}

void receive_later(int32_t error)
{
    if (error == ERROR_NOT_PERMITTED) {
        __say(__name);
        __say(": it is a server, which init starts\n");
        sys_exit(1);
    }
    sys_sleep(1);
}

enum answer ask(uint32_t server, enum request request, struct message *message)
{
    message->first = request;
    return failed(sys_call_message(server, message)) ? NOT_SERVED : (enum answer)message->first;
}

enum answer ask_by_name(uint32_t server, enum request request, uintptr_t word, const char *name, uint32_t *handle)
{
    struct message message = {.second = word, .data = name, .length = (uint32_t)strlen(name)};
    enum answer answer;

    if (handle != NULL)
        *handle = 0;
    if (message.length > LONGEST_SERVED_NAME)
        return NOT_FOUND;
    answer = ask(server, request, &message);
    if (handle != NULL && answer == DONE)
        *handle = message.handle;
    return answer;
}

uint32_t find_server(const char *name)
{
    uint32_t handle;

    ask_by_name(NAMES_HANDLE, NAME_FIND, 0, name, &handle);
    return handle;
}

enum answer write_stream(uint32_t stream, const char *bytes, size_t count)
{
    enum answer answer = DONE;

    while (count > 0 && answer == DONE) {
        uint32_t length = count < MOST_DATA ? (uint32_t)count : MOST_DATA;
        struct message message = {.data = bytes, .length = length};
        answer = ask(stream, STREAM_WRITE, &message);
        bytes += length;
        count -= length;
    }
    return answer;
}

void __write(const char *bytes, size_t count)
{
    if (!has_streams())
        sys_puts(bytes, count);
    else if (write_stream(OUTPUT_HANDLE, bytes, count) != DONE)
        sys_exit(1);
}

void write_output(const char *bytes, size_t count)
{
    print_flush();
    __write(bytes, count);
}

void print_name(const char *name)
{
    for (; *name != 0; name++)
        __put(' ' <= *name && *name < 0x7F ? *name : '?');
}

/* Receive what somebody writes into a pipe. */
static size_t read_pipe(struct reader *reader)
{
    struct words written = {DONE, 0, 0, 0};
    struct message message;
    int32_t writer;

    do {
        message = (struct message){.buffer = reader->bytes, .room = sizeof reader->bytes};
        writer = sys_receive_message(reader->stream, &message);
        if (failed(writer))
            return 0;
        if (message.handle != 0)
            sys_drop(message.handle);
        if (writer > 0 && writer != NOTIFIED)
            sys_reply((uint32_t)writer, &written);
    } while (message.length == 0);
    return message.length;
}

size_t read_stream(struct reader *reader)
{
    struct message message = {.first = STREAM_READ, .second = reader->position, .third = sizeof reader->bytes,
                              .buffer = reader->bytes, .room = sizeof reader->bytes};
    int32_t result;

    if (!reader->is_pipe) {
        result = sys_call_message(reader->stream, &message);
        reader->is_pipe = result == ERROR_NOT_PERMITTED;
        if (!reader->is_pipe) {
            reader->answer = failed(result) ? NOT_SERVED : (enum answer)message.first;
            if (reader->answer != DONE)
                return 0;
            reader->position += message.length;
            return message.length;
        }
    }
    return read_pipe(reader);
}
