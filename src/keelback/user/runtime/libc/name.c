/* The program's name, as musl's sources ask for it. */
#include "keelback.h"

const char *__progname = __name;
const char *__progname_full = __name;
extern const char *program_invocation_short_name __attribute__((alias("__progname")));
extern const char *program_invocation_name __attribute__((alias("__progname_full")));
