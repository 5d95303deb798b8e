/* What the functions of <unistd.h> and its like share. */
#include "keelback.h"

/* Return the result of a system call, -1 with errno set where it is an error. */
__attribute__((visibility("hidden"))) intptr_t __unix_result(intptr_t result);
