/* What the functions of <unistd.h> and its like share. */
#include "keelback.h"

/* Return the result of a system call, -1 with errno set where it is an error. */
__attribute__((visibility("hidden"))) int32_t __unix_result(int32_t result);
