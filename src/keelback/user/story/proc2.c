/* The second process of the paging story: larger, so that its library lies elsewhere. */
#include "libgfx.h"

IMAGE_SIZE(12420); /* three whole pages and 132 bytes */

int main(void)
{
    struct libgfx gfx;

    sys_yield(); /* back to the first process, which asks for the library */
    if (failed(load_libgfx(&gfx)))
        sys_panic("there is no libgfx");
    sys_yield();
    gfx.colour(0, 6);
    gfx.box(2, 26, 3, 20);
    gfx.text(3, 28, "I am the second");
    print("\n");
    return gfx.calls() == 3 ? 0 : 1;
}
