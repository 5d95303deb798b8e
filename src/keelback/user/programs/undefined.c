/* Runs an instruction that does not exist: ud2, which the processor promises never to define. */
#include "keelback.h"

int main(void)
{
    print("undefined: running ud2\n");
    __asm__ volatile("ud2");

    print("undefined: survived\n");
    return 1;
}
