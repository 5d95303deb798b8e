/* The shell: starts the programs that somebody types, in the foreground or behind it, alone or in a row. */
#include <string.h>

#include "servers.h"
#include "words.h"

enum { MOST_STARTED = 64 };
enum { OF_FAULT = 128, OF_KILL = 137, NOT_STARTED = 127, WRONG = 2 }; /* statuses: a fault's vector is added */

static uint32_t files;
static int status; /* of the last job in the foreground */
static int has_ended; /* the shell itself: `exit` was typed */
static int exit_status;

/* What was started behind the shell and has not been waited for. */
static struct {
    int32_t id; /* 0: the place is free */
    char name[LONGEST_NAME + 1];
} started[MOST_STARTED];

/* Print a line that begins with who says it. */
static void say(const char *what, const char *name)
{
    print("sh: ");
    print(what);
    print_name(name);
    print("\n");
}

/* Return the status that a way of ending stands for. */
static int status_of(const struct ending *ending)
{
    return ending->how == EXITED ? ending->status : ending->how == FAULTED ? OF_FAULT + ending->status : OF_KILL;
}

/* Say how a program ended, unless it ended well, or did not start, which was said. */
static void tell_ending(const char *name, const struct ending *ending)
{
    if (ending->how == EXITED && (ending->status == 0 || ending->status == NOT_STARTED))
        return;
    print("sh: ");
    print_name(name);
    print(ending->how == EXITED ? " ended with status " : ending->how == FAULTED ? " died of fault " : " was killed");
    if (ending->how != KILLED)
        print_number(ending->status);
    print("\n");
}

/* What a command reads from and writes to; no output: what the shell writes to. */
struct ends {
    uint32_t input, output;
    uint32_t input_rights;
};

static void drop(uint32_t handle)
{
    if (handle != 0)
        sys_drop(handle);
}

/* Open the file of a name, unless that is ""; return 0 after saying why that failed. */
static int open_named(const char *name, enum opening opening, uint32_t *handle)
{
    enum answer answer;

    if (name[0] == 0)
        return 1;
    drop(*handle);
    answer = ask_by_name(files, FILE_OPEN, opening, name, handle);
    if (answer == NOT_ALLOWED)
        say("the payload has it and stays as it is: ", name);
    else if (answer != DONE)
        say(answer == NO_MEMORY ? "no memory for " : "there is no file ", name);
    return answer == DONE;
}

/* Start a command; return its id, or 0 after saying why that failed. */
static int32_t start(const struct command *command, const struct ends *ends)
{
    struct given given[] = {
        {NAMES_HANDLE, MAY_SEND | MAY_GRANT},
        {ends->input, ends->input_rights},
        {ends->output != 0 ? ends->output : OUTPUT_HANDLE, MAY_SEND | MAY_GRANT},
    };
    int32_t id = start_program(command->name, command->argument, given, STREAM_HANDLES);

    if (id == ERROR_NO_SUCH_PROGRAM)
        say("there is no program ", command->name);
    else if (failed(id))
        say("can't start ", command->name);
    return failed(id) ? 0 : id;
}

/* Make a stream that is at its end, for what runs behind the shell: what is typed is not for it. */
static uint32_t nothing(void)
{
    int32_t endpoint = sys_endpoint_create(MOST_DATA);

    if (failed(endpoint))
        return 0;
    sys_endpoint_destroy((uint32_t)endpoint);
    return (uint32_t)endpoint;
}

/* Return the stream of what is typed from now on. */
static uint32_t typed(void)
{
    struct message message = {0};

    return ask(INPUT_HANDLE, LINE_LEND, &message) == DONE ? message.handle : 0;
}

/* Make a pipe: `ends` write to it, and the next command reads from it. */
static int make_pipe(struct ends *ends, uint32_t *next)
{
    int32_t pipe = sys_endpoint_create(MOST_DATA), output;

    if (failed(pipe))
        return 0;
    output = sys_mint((uint32_t)pipe, MAY_SEND | MAY_GRANT, 0);
    if (failed(output)) {
        sys_drop((uint32_t)pipe);
        return 0;
    }
    ends->output = (uint32_t)output;
    *next = (uint32_t)sys_mint((uint32_t)pipe, MAY_RECEIVE | MAY_GRANT, 0);
    sys_drop((uint32_t)pipe);
    return !failed((int32_t)*next);
}

/* Open the files that a command names, and start it; return its id, or 0 after saying why that failed. */
static int32_t start_command(const struct command *command, struct ends *ends)
{
    if (command->input[0] != 0)
        ends->input_rights = MAY_SEND | MAY_GRANT;
    if (!open_named(command->input, TO_READ, &ends->input))
        return 0;
    if (!open_named(command->output, command->adds ? TO_ADD : TO_WRITE, &ends->output))
        return 0;
    return start(command, ends);
}

/* Start the commands of a job, each with an id, or 0. */
static void start_all(const struct job *job, int32_t ids[MOST_COMMANDS])
{
    struct ends ends = {job->in_background ? nothing() : typed(), 0, MAY_SEND | MAY_GRANT};

    for (size_t i = 0; i < job->count; i++) {
        uint32_t next = 0;
        int is_well = i + 1 == job->count || make_pipe(&ends, &next);
        ids[i] = is_well ? start_command(&job->commands[i], &ends) : 0;
        drop(ends.input);
        drop(ends.output);
        ends = (struct ends){next, 0, MAY_RECEIVE | MAY_GRANT};
    }
}

/* Tell the console which processes control-C ends. */
static void set_foreground(const int32_t *ids, size_t count)
{
    static uint32_t self; /* whose children these are, so that the console may end them */

    if (self == 0)
        self = (uint32_t)sys_process_handle(sys_getpid());
    struct message message = {
        .data = ids, .length = (uint32_t)(count * sizeof *ids), .handle = self, .rights = MAY_DESTROY};
    ask(INPUT_HANDLE, LINE_FOREGROUND, &message);
}

/* Wait until a program has ended, and tell how, unless it merely exited and writes what another reads. */
static int await(int32_t id, const char *name, int is_last)
{
    struct ending ending;

    if (failed(sys_wait(id, &ending)))
        return NOT_STARTED;
    if (is_last || ending.how != EXITED)
        tell_ending(name, &ending);
    return status_of(&ending);
}

/* Wait until the programs of a job have ended; its status is that of the last. */
static void await_all(const struct job *job, const int32_t ids[MOST_COMMANDS])
{
    status = NOT_STARTED;
    set_foreground(ids, job->count);
    for (size_t i = 0; i < job->count; i++)
        status = ids[i] != 0 ? await(ids[i], job->commands[i].name, i + 1 == job->count) : NOT_STARTED;
    set_foreground(NULL, 0);
}

/* Behind the shell. */

/* Note that a program was started behind the shell, and say its id. */
static void note_started(int32_t id, const char *name)
{
    for (size_t i = 0; i < MOST_STARTED; i++)
        if (started[i].id == 0) {
            started[i].id = id;
            strcpy(started[i].name, name);
            break;
        }
    print("[");
    print_number(id);
    print("] ");
    print_name(name);
    print("\n");
}

/* Tell how those programs ended that have. */
static void tell_ended(void)
{
    struct process_facts facts;

    for (size_t i = 0; i < MOST_STARTED; i++) {
        int32_t id = started[i].id;
        if (id != 0 && sys_process_after((uint32_t)id - 1, &facts) == id && facts.state == HAS_ENDED) {
            print("[");
            print_number(id);
            print("] has ended: ");
            print_name(started[i].name);
            print("\n");
            await(id, started[i].name, 1);
            started[i].id = 0;
        }
    }
}

/* What the shell does itself. */

/* Return the number that an argument is, or what it is to be where there is none; -1 after saying that it is another. */
static int64_t number_of(const char *argument, uint32_t otherwise)
{
    uint32_t number = number_in(argument, otherwise);

    if (argument[0] == 0 || number == number_in(argument, ~otherwise))
        return number;
    say("that is no number: ", argument);
    status = WRONG;
    return -1;
}

/* Wait for all programs behind the shell, or one; meanwhile control-C ends the one that is waited for. */
static void do_wait(const char *argument)
{
    if (number_of(argument, 0) < 0)
        return;
    if (argument[0] != 0)
        status = NOT_STARTED;
    for (size_t i = 0; i < MOST_STARTED; i++)
        if (started[i].id != 0 && number_in(argument, (uint32_t)started[i].id) == (uint32_t)started[i].id) {
            set_foreground(&started[i].id, 1);
            status = await(started[i].id, started[i].name, 1);
            set_foreground(NULL, 0);
            started[i].id = 0;
        }
    if (status == NOT_STARTED && argument[0] != 0)
        say("nothing behind the shell has the number ", argument);
}

static void do_kill(const char *argument)
{
    uint32_t id = number_in(argument, 0);
    int32_t result = id == 0 || id > INT32_MAX ? ERROR_NO_SUCH_PROCESS : sys_kill((int32_t)id);

    status = failed(result);
    if (result == ERROR_NOT_PERMITTED)
        say("nobody may kill ", argument);
    else if (failed(result))
        say("there is no process ", argument[0] != 0 ? argument : "without a number: kill ID");
}

static void do_exit(const char *argument)
{
    int64_t number = number_of(argument, (uint32_t)status);

    if (number < 0)
        return;
    has_ended = 1;
    exit_status = (int)number;
}

static void do_help(const char *argument)
{
    (void)argument;
    print("programs: ls lists the files; those of the payload can be started, with words behind the name\n"
          "a | b     a writes what b reads          a > f  a >> f  a < f   to a file, to its end, from it\n"
          "a &       goes on behind the shell        a ; b   one after the other        $?   the last status\n"
          "keys      arrows, control-A E U K W; control-C ends what runs, control-D the input\n"
          "itself    wait [ID]   kill ID   exit [STATUS]   help\n");
}

static const struct {
    const char *name;
    void (*run)(const char *argument);
} own[] = {{"wait", do_wait}, {"kill", do_kill}, {"exit", do_exit}, {"help", do_help}};

/* Do a job that is the shell's own; return 0 if it is none. */
static int do_own(const struct job *job)
{
    if (job->count != 1)
        return 0;
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (strcmp(job->commands[0].name, own[i].name) == 0) {
            status = 0;
            own[i].run(job->commands[0].argument);
            return 1;
        }
    return 0;
}

/* Lines. */

static void run(const struct job *job)
{
    int32_t ids[MOST_COMMANDS];

    if (job->count == 0 || do_own(job))
        return;
    start_all(job, ids);
    if (!job->in_background) {
        await_all(job, ids);
        return;
    }
    for (size_t i = 0; i < job->count; i++)
        if (ids[i] != 0)
            note_started(ids[i], job->commands[i].name);
}

/* Say what is wrong with a line, if anything is; nothing of it runs then. */
static int check(const char *line)
{
    static struct job job;
    const char *wrong = NULL;

    while (*line != 0 && wrong == NULL)
        wrong = read_job(&line, status, &job);
    if (wrong != NULL) {
        say(wrong, "");
        status = WRONG;
    }
    return wrong == NULL;
}

static void run_line(const char *line)
{
    static struct job job;

    if (!check(line))
        return;
    while (*line != 0 && !has_ended && read_job(&line, status, &job) == NULL)
        run(&job);
}

/* Read a line that is typed; return 0 when nothing more comes, or none ever does for this shell. */
static int read_line(char line[LONGEST_LINE + 1])
{
    struct message message = {.data = "% ", .length = 2, .buffer = line, .room = LONGEST_LINE};
    int typed;

    print_flush();
    typed = (int)ask(INPUT_HANDLE, LINE_READ, &message);
    line[typed == LINE_ENTERED ? message.length : 0] = 0;
    if (typed == LINE_ENTERED || typed == LINE_INTERRUPTED)
        return 1;
    if (typed != LINE_ENDED) {
        print("sh: it can't read what is typed here\n");
        status = 1;
    }
    return 0;
}

int main(void)
{
    static char line[LONGEST_LINE + 1];

    need_streams();
    files = find_server("files");
    while (!has_ended && read_line(line)) {
        run_line(line);
        tell_ended();
    }
    return has_ended ? exit_status : status;
}
