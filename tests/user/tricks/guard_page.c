/* Ask for a page of the stack's guard in every way, then write to it. */
#include "keelback.h"

int main(const char *argument)
{
    char *page = (char *)number_in(argument, 0);

    print_number((int32_t)sys_map(page, 4096, CAN_WRITE));
    print(" ");
    print_number(sys_call(CALL_PAGE_ALLOC, (uint32_t)page, 0, 0, 0));
    print(" ");
    print_number(sys_protect(page, 4096, CAN_WRITE));
    print(" ");
    print_number(sys_unmap(page, 4096));
    print("\n");
    page[5] = 1;
    print("the guard was written\n");
    return 0;
}
