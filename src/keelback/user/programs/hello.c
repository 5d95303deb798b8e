/* The smallest program that uses the kernel: it asks who it is, and says so. */
#include "keelback.h"

int main(const char *argument)
{
    print("hello: I am process ");
    print_number(sys_getpid());
    if (*argument != 0) {
        print(", and I was told: ");
        print(argument);
    }
    print("\n");
    return 0;
}
