/* <limits.h>: of the types that are the same on both machines. */
#include <limits.h>
#include <stdio.h>

int main(void)
{
    printf("%d %d %d %d %u\n", CHAR_BIT, SCHAR_MIN, UCHAR_MAX, INT_MIN, UINT_MAX);
    printf("%d %d %lld %llu\n", SHRT_MIN, USHRT_MAX, LLONG_MIN, ULLONG_MAX);
    printf("%d %d\n", CHAR_MIN, PATH_MAX);
}
