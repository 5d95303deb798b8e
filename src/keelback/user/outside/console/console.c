/* Shows what programs write, and gives them what is typed, a line at a time: a server that init starts. */
#include <string.h>

#include "editor.h"
#include "keys.h"
#include "servers.h"

_Static_assert(LONGEST_TYPED <= LONGEST_LINE, "who reads a line has room for so much");

enum { ENDPOINT = 2, KEYBOARD, SERIAL, KEYBOARD_LINE = 1, SERIAL_LINE = 4, MOST_KEYS = 4096, MOST_FOREGROUND = 8 };

/* Keys that nobody has read yet. */
static short keys[MOST_KEYS];
static size_t first_key, key_count;

/* Who waits for a line; `reply` is 0 where nobody does. */
static uint32_t reply;
static int wants_line; /* with LINE_READ, not STREAM_READ */
static size_t wanted; /* bytes, of STREAM_READ */

/* The rest of a line that was typed for STREAM_READ and is read in pieces. */
static char typed[LONGEST_TYPED + 1];
static size_t typed_at, typed_count;

/* The processes that control-C ends. */
static int32_t foreground[MOST_FOREGROUND];
static size_t foreground_count;
static uint32_t parent; /* the handle of the process that started them */

/* By which badge what is typed may be read now as a stream, 0: by none; and the last that was given. */
static uintptr_t lent, last_lent = OF_SHELL;

static struct editor editor;
static struct terminal terminal;
static struct keyboard keyboard;
static uintptr_t lines; /* those that have something to read, a bit each */

static void show_output(void)
{
    sys_puts(editor.output, editor.output_count);
    editor.output_count = 0;
}

/* Give who waits an answer, and bytes. */
static void answer(uintptr_t what, const char *bytes, size_t count)
{
    struct message message = {.first = what, .data = bytes, .length = (uint32_t)count};

    sys_reply_message(reply, &message);
    reply = 0;
}

/* Give who waits a piece of the line that was typed. */
static void answer_piece(void)
{
    size_t count = typed_count - typed_at < wanted ? typed_count - typed_at : wanted;

    answer(DONE, typed + typed_at, count);
    typed_at += count;
}

/* End the processes in the foreground, as control-C does; what they would have read is lost. */
static void interrupt(void)
{
    for (size_t i = 0; i < foreground_count; i++)
        sys_process_kill(parent, foreground[i]);
    foreground_count = typed_at = typed_count = 0;
    if (reply != 0 && !wants_line) {
        sys_drop(reply);
        reply = 0;
    }
}

/* Show bytes that a program writes; a line that is being typed gives way, and comes again below them. */
static void show_bytes(const char *bytes, size_t count)
{
    if (reply != 0) {
        hide_line(&editor);
        show_output();
    }
    sys_puts(bytes, count);
    if (reply != 0 && count > 0 && bytes[count - 1] == '\n') {
        show_hidden_line(&editor);
        show_output();
    }
}

/* Do what a key says for who waits. */
static void take(int key)
{
    enum edited edited;

    if (editor.is_hidden) { /* behind what a program has of a row */
        sys_puts("\n", 1);
        show_hidden_line(&editor);
    }
    edited = take_key(&editor, key);
    show_output();
    if (edited == EDITING)
        return;
    if (edited == TOO_LONG) {
        print("console: a line of more than 1,023 bytes is not taken\n");
        begin_again(&editor);
        show_output();
        return;
    }
    if (edited == INTERRUPTED && !wants_line) {
        interrupt();
    } else if (wants_line) {
        keep_line(&editor);
        answer(edited == ENTERED ? LINE_ENTERED : edited == ENDED ? LINE_ENDED : LINE_INTERRUPTED, editor.text,
               edited == ENTERED ? editor.length : 0);
    } else if (edited == ENDED) {
        answer(DONE, NULL, 0);
    } else {
        memcpy(typed, editor.text, editor.length);
        typed[editor.length] = '\n';
        typed_at = 0;
        typed_count = editor.length + 1;
        answer_piece();
    }
}

/* Keep a key until somebody reads it; control-C ends what runs in the foreground now, and what was typed before. */
static void keep(int key)
{
    if (key == CONTROL('C') && foreground_count > 0 && reply == 0) {
        sys_puts("^C\n", 3);
        key_count = 0;
        interrupt();
    } else if (key != NO_KEY) {
        keys[(first_key + key_count++) % MOST_KEYS] = (short)key;
    }
}

/* Return a register of the device of an interrupt. */
static unsigned char device_byte(uint32_t interrupt, unsigned place)
{
    return (unsigned char)sys_line_read(interrupt, place);
}

/* Read what a device has, as far as there is room for keys; say whether that was all. */
static int read_device(uint32_t interrupt, unsigned status)
{
    while (device_byte(interrupt, status) & 1) {
        if (key_count == MOST_KEYS)
            return 0;
        unsigned char byte = device_byte(interrupt, 0);
        keep(interrupt == KEYBOARD ? keyboard_key(&keyboard, byte) : terminal_key(&terminal, byte));
    }
    return 1;
}

static void read_devices(void)
{
    static const struct {
        uint32_t interrupt;
        unsigned line, status;
    } devices[] = {{KEYBOARD, KEYBOARD_LINE, 4}, {SERIAL, SERIAL_LINE, 5}};

    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++)
        if (lines >> devices[i].line & 1 && read_device(devices[i].interrupt, devices[i].status)) {
            lines &= ~((uintptr_t)1 << devices[i].line);
            sys_line_done(devices[i].interrupt);
        }
}

/* Give who waits the keys that were typed, as far as that goes. */
static void use_keys(void)
{
    while (reply != 0 && key_count > 0) {
        int key = keys[first_key];
        first_key = (first_key + 1) % MOST_KEYS;
        key_count--;
        take(key);
    }
}

/* Let somebody wait for a line; who waited before gets none. */
static void wait_for_line(uint32_t caller, int is_line, size_t most, const char *prompt, size_t length)
{
    if (reply != 0)
        answer(wants_line ? LINE_ENDED : DONE, NULL, 0);
    reply = caller;
    wants_line = is_line;
    wanted = most < MOST_DATA ? most : MOST_DATA;
    if (!is_line && typed_at < typed_count) {
        answer_piece();
        return;
    }
    begin_line(&editor, prompt, length);
    show_output();
}

/* Note which processes control-C ends; one that was typed before they were there is for them. */
static void note_foreground(const char *ids, size_t length, uint32_t handle)
{
    size_t count = length / sizeof *foreground;

    sys_drop(parent);
    parent = handle;
    foreground_count = count < MOST_FOREGROUND ? count : MOST_FOREGROUND;
    memcpy(foreground, ids, foreground_count * sizeof *foreground);
    typed_at = typed_count = 0;
    if (key_count > 0 && keys[first_key] == CONTROL('C') && foreground_count > 0) {
        sys_puts("^C\n", 3);
        first_key = (first_key + 1) % MOST_KEYS;
        key_count--;
        interrupt();
    }
}

/* Make the handle by which what is typed is read from now on, and by no other. */
static enum answer lend(struct message *to)
{
    int32_t handle = sys_mint(ENDPOINT, MAY_SEND | MAY_GRANT, last_lent + 1);

    if (failed(handle))
        return NO_MEMORY;
    lent = ++last_lent;
    to->handle = (uint32_t)handle;
    return DONE;
}

/* Tell whether who asks may: anybody writes, who was lent a handle reads, and all else is the shell's. */
static int is_allowed(const struct message *message)
{
    if (message->first == STREAM_READ)
        return lent != 0 && message->badge == lent;
    return message->first == STREAM_WRITE || message->badge == OF_SHELL;
}

static enum answer serve(const struct message *message, const char *bytes, struct message *to)
{
    if (!is_allowed(message))
        return NOT_ALLOWED;
    switch (message->first) {
    case STREAM_WRITE:
        show_bytes(bytes, message->length);
        return DONE;
    case LINE_LEND:
        return lend(to);
    case LINE_FOREGROUND:
        note_foreground(bytes, message->length, message->handle);
        return DONE;
    default:
        return NOT_UNDERSTOOD;
    }
}

/* Tell whether a request is answered when a line was typed. */
static int waits(const struct message *message)
{
    return (message->first == STREAM_READ || message->first == LINE_READ) && is_allowed(message);
}

/* Answer a request, now or when a line was typed. */
static void take_request(uint32_t caller, const struct message *message, const char *bytes)
{
    struct message reply_now = {0};

    if (waits(message)) {
        if (message->first == LINE_READ)
            lent = 0;
        if (caller != 0)
            wait_for_line(caller, message->first == LINE_READ, message->third, bytes, message->length);
    } else {
        reply_now.first = (uintptr_t)serve(message, bytes, &reply_now);
        if (caller != 0)
            sys_reply_message(caller, &reply_now);
        if (reply_now.handle != 0)
            sys_drop(reply_now.handle);
    }
    if (message->handle != 0 && message->handle != parent)
        sys_drop(message->handle);
}

int main(void)
{
    static char bytes[MOST_DATA];

    if (__handles < ENDPOINT)
        need_streams();
    __handles = 0; /* none is a stream to print to */
    for (;;) {
        struct message message = {.buffer = bytes, .room = sizeof bytes};
        int32_t came = sys_receive_message(ENDPOINT, &message);
        if (came == ERROR_CLOSED)
            return 0;
        if (came == NOTIFIED)
            lines |= message.first;
        else if (failed(came))
            receive_later(came);
        else
            take_request((uint32_t)came, &message, bytes);
        do {
            read_devices();
            use_keys();
        } while (reply != 0 && lines != 0);
    }
}
