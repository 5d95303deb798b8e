/*
 * The first process of the paging story: it starts the second, and each time that it has its turn
 * again it takes the next step. When the story is told, both draw, by one libgfx at two addresses.
 */
#include "libgfx.h"

IMAGE_SIZE(5673); /* 4,096 of text, 1,577 of data */

int main(void)
{
    struct libgfx gfx;
    int32_t second = sys_spawn("proc2", "");

    sys_yield(); /* the second process starts, and gives way */
    if (failed(load_libgfx(&gfx)))
        sys_panic("there is no libgfx");
    sys_yield(); /* the second asks for it too */
    gfx.colour(7, 4);
    gfx.box(2, 2, 3, 20);
    gfx.text(3, 4, "I am the first");
    print("\n");
    return sys_wait(second, NULL) == second && gfx.calls() == 3 ? 0 : 1;
}
