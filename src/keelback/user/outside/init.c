/* Starts the servers and the shell; when the shell ends, it ends all others: the machine goes off. */
#include "servers.h"

enum { KEYBOARD_LINE = 1, SERIAL_LINE = 4 };

#define CLIENT (MAY_SEND | MAY_GRANT)
#define SERVER (MAY_SEND | MAY_RECEIVE | MAY_GRANT)
#define DRIVER (MAY_RECEIVE | MAY_GRANT)

/* End the program with a line that says what there is no memory or room for, unless all is well. */
static void need(int is_well, const char *what)
{
    if (is_well)
        return;
    print("init: can't start ");
    print(what);
    print("\n");
    sys_exit(1);
}

/* Start a program with some handles; return its id. */
static int32_t start(const char *name, const struct given *given, size_t count)
{
    int32_t child = start_program(name, "", given, count);

    need(!failed(child), name);
    return child;
}

/* Make an endpoint for requests of all sizes; return it. */
static uint32_t make_endpoint(void)
{
    int32_t endpoint = sys_endpoint_create(MOST_DATA);

    need(!failed(endpoint), "the servers, for want of an endpoint");
    return (uint32_t)endpoint;
}

/* Return the endpoint where all ask for names; who is not the first that the kernel starts makes one of its own. */
static uint32_t names_endpoint(void)
{
    int32_t endpoint = sys_mint(NAMES, ALL_RIGHTS, 0);

    return failed(endpoint) ? make_endpoint() : (uint32_t)endpoint;
}

/* Return another handle to an endpoint, with a badge that says whose requests come by it. */
static uint32_t with_badge(uint32_t endpoint, uintptr_t badge)
{
    int32_t handle = sys_mint(endpoint, CLIENT, badge);

    need(!failed(handle), "the servers, for want of a handle");
    return (uint32_t)handle;
}

/* Let an endpoint be told of a device; return the handle to its interrupt, 0 where somebody else has one. */
static uint32_t bind_device(uint32_t endpoint, uint32_t line)
{
    int32_t interrupt = sys_interrupt_handle(line);

    if (failed(interrupt))
        return 0;
    sys_line_bind(endpoint, (uint32_t)interrupt); /* where there is no device, the kernel says so */
    return (uint32_t)interrupt;
}

/* Start a server with handles, the second of which is its endpoint, and let names know it; return its id. */
static int32_t start_server(const char *name, const struct given *given, size_t count, uint32_t names)
{
    uint32_t endpoint = given[1].handle;
    struct message message = {.data = name, .length = strlen(name), .handle = endpoint, .rights = CLIENT};
    int32_t server = start(name, given, count);
    uint32_t by_us = with_badge(names, OF_INIT);

    need(ask(by_us, NAME_REGISTER, &message) == DONE, name);
    sys_drop(by_us);
    return server;
}

/* End all processes but this one and three others. */
static void end_all_but(int32_t first, int32_t second, int32_t third)
{
    struct process_facts facts;

    for (int32_t id = 0; (id = sys_process_after((uint32_t)id, &facts)) > 0;)
        if (id != sys_getpid() && id != first && id != second && id != third && facts.state != HAS_ENDED)
            sys_kill(id);
}

int main(void)
{
    uint32_t names = names_endpoint(), files = make_endpoint(), console = make_endpoint();
    const struct given to_names[] = {{names, SERVER}};
    const struct given to_shell[] = {{names, CLIENT}, {with_badge(console, OF_SHELL), CLIENT}, {console, CLIENT}};
    const uint32_t keyboard = bind_device(console, KEYBOARD_LINE), serial = bind_device(console, SERIAL_LINE);
    const struct given to_console[] = {{names, CLIENT}, {console, SERVER}, {keyboard, DRIVER}, {serial, DRIVER}};
    struct given to_files[] = {{names, CLIENT}, {files, SERVER}};
    int32_t names_id, files_id, console_id, payload;
    struct ending ending;

    names_id = start("names", to_names, 1);
    payload = sys_payload_object(); /* where the kernel did not start this program, there is none */
    if (!failed(payload))
        to_files[0] = (struct given){(uint32_t)payload, MAY_MAP | MAY_GRANT};
    files_id = start_server("files", to_files, 2, names);
    console_id = start_server("console", to_console, keyboard != 0 && serial != 0 ? 4 : 2, names);
    sys_drop(keyboard);
    sys_drop(serial);
    sys_wait(start("sh", to_shell, STREAM_HANDLES), &ending);
    end_all_but(names_id, files_id, console_id);
    sys_endpoint_destroy(files);
    sys_endpoint_destroy(console);
    sys_endpoint_destroy(names);
    while (!failed(sys_wait(ANY_CHILD, NULL)))
        continue;
    return ending.how == EXITED ? ending.status : 1;
}
