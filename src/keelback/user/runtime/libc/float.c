/* Where printf and scanf end that are asked for a floating-point number. */
#include "keelback.h"

__attribute__((noreturn, visibility("hidden"))) int __no_floating_point(void);
__attribute__((noreturn, visibility("hidden"))) long __floatscan(void);

int __no_floating_point(void)
{
    sys_panic("printf or scanf of floating point, which programs do not have here: no such register outlives a trap");
}

long __floatscan(void)
{
    __no_floating_point();
}
