/* Keeps files: those of the payload, which can be read, and others in memory: a server that init starts. */
#include <string.h>

#include "archive.h"
#include "servers.h"
#include "store.h"

/* Nobody is asked for here, so the first handle is that of the payload, where there is one. */
enum { PAYLOAD = 1, ENDPOINT = 2 };

/*
 * Whoever opens a file gets a handle whose badge says which: twice the number of a file in memory, or twice that of a
 * member of the payload and 1.  Who has the server's own handle has badge 0.  The server keeps nothing of who has what.
 */
#define MEMBER_BADGE(number) ((uintptr_t)(number) * 2 + 1)
#define FILE_BADGE(number) ((uintptr_t)(number) * 2)

static struct archive archive;
static struct store store;
static char bytes[MOST_DATA], sent[MOST_DATA];

/* Make the handle by which a file is read, or written too. */
static enum answer open_badge(uintptr_t badge, struct message *reply)
{
    int32_t handle = sys_mint(ENDPOINT, MAY_SEND | MAY_GRANT, badge);

    if (failed(handle))
        return NO_MEMORY;
    reply->handle = (uint32_t)handle;
    return DONE;
}

/* Return the file of a name, made if it is not there and emptied if it is not to be added to. */
static struct file *file_to_write(const char *name, enum opening opening)
{
    struct file *file = file_named(&store, name);

    if (file == NULL)
        return make_file(&store, name);
    if (opening == TO_WRITE)
        empty_file(file);
    return file;
}

static enum answer open_file(enum opening opening, const char *name, struct message *reply)
{
    struct file *file = file_named(&store, name);
    const struct member *member = member_named(&archive, name);

    if (name[0] == 0 || opening > TO_ADD)
        return NOT_UNDERSTOOD;
    if (opening != TO_READ) {
        if (member != NULL)
            return NOT_ALLOWED;
        file = file_to_write(name, opening);
        return file == NULL ? NO_MEMORY : open_badge(FILE_BADGE(file->number), reply);
    }
    if (file != NULL)
        return open_badge(FILE_BADGE(file->number), reply);
    return member != NULL ? open_badge(MEMBER_BADGE(member - archive.members), reply) : NOT_FOUND;
}

static enum answer remove_named(const char *name)
{
    struct file *file = file_named(&store, name);

    if (file != NULL) {
        remove_file(&store, file);
        return DONE;
    }
    return member_named(&archive, name) != NULL ? NOT_ALLOWED : NOT_FOUND;
}

/* Tell of the file that so many come before: the payload's, then those in memory. */
static enum answer list(size_t before, struct message *reply)
{
    const struct member *member = member_numbered(&archive, before);
    const struct file *file = member == NULL ? file_behind(&store, before - archive.count) : NULL;

    if (member == NULL && file == NULL)
        return NOT_FOUND;
    reply->second = member != NULL ? member->size : file->size;
    reply->third = member != NULL ? OF_PAYLOAD : IN_MEMORY;
    reply->data = member != NULL ? member->name : file->name;
    reply->length = (uint32_t)strlen(reply->data);
    return DONE;
}

static enum answer read_badge(uintptr_t badge, size_t position, size_t most, struct message *reply)
{
    const struct member *member = badge % 2 == 1 ? member_numbered(&archive, badge / 2) : NULL;
    const struct file *file = badge % 2 == 0 ? file_numbered(&store, (uint32_t)(badge / 2)) : NULL;

    if (most > sizeof sent)
        most = sizeof sent;
    if (member != NULL)
        reply->length = (uint32_t)read_member(member, position, sent, most);
    else if (file != NULL)
        reply->length = (uint32_t)read_file(file, position, sent, most);
    else
        return NOT_FOUND;
    reply->data = sent;
    return DONE;
}

static enum answer write_badge(uintptr_t badge, size_t count)
{
    struct file *file = badge % 2 == 0 ? file_numbered(&store, (uint32_t)(badge / 2)) : NULL;

    if (file == NULL)
        return NOT_FOUND;
    if (add_to_file(file, bytes, count))
        return DONE;
    print("files: no memory for all of ");
    print_name(file->name);
    print("\n");
    return NO_MEMORY;
}

/* Answer a request of who has a file's handle, or (badge 0) the server's. */
static enum answer serve(const struct message *message, struct message *reply)
{
    if (message->badge != 0 && message->first == STREAM_READ)
        return read_badge(message->badge, message->second, message->third, reply);
    if (message->badge != 0 && message->first == STREAM_WRITE)
        return write_badge(message->badge, message->length);
    if (message->badge != 0 || message->length > LONGEST_FILE_NAME)
        return NOT_UNDERSTOOD;
    bytes[message->length] = 0;
    switch (message->first) {
    case FILE_OPEN: return open_file((enum opening)message->second, bytes, reply);
    case FILE_LIST: return list(message->second, reply);
    case FILE_REMOVE: return remove_named(bytes);
    default: return NOT_UNDERSTOOD;
    }
}

int main(void)
{
    if (__handles < ENDPOINT)
        need_streams();
    if (!read_archive(&archive, PAYLOAD))
        sys_panic("no memory for the list of the payload's files");
    for (;;) {
        struct message message = {.buffer = bytes, .room = sizeof bytes}, reply = {0};
        int32_t caller = sys_receive_message(ENDPOINT, &message);
        if (caller == ERROR_CLOSED)
            return 0;
        if (failed(caller))
            receive_later(caller);
        if (failed(caller) || caller == NOTIFIED)
            continue;
        if (message.handle != 0)
            sys_drop(message.handle);
        reply.first = serve(&message, &reply);
        if (caller != 0)
            sys_reply_message((uint32_t)caller, &reply);
        if (reply.handle != 0)
            sys_drop(reply.handle);
    }
}
