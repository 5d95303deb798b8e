/*
 * Read before musl's printf and scanf: takes floating point out of them.  Every conversion of a floating-point number
 * comes to `__no_floating_point` or `__floatscan`, which end the program; the compiler leaves out what would be behind it.
 */
#include <math.h>

__attribute__((noreturn, visibility("hidden"))) int __no_floating_point(void);

#undef signbit
#undef isfinite
#define signbit(number) 0
#define isfinite(number) 1
#define frexpl(number, exponent) __no_floating_point()
#define double int /* and long double long int */
#define float int
