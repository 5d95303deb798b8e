/* Lists the processes: id, parent, what each does, and its program. */
#include "keelback.h"

/* Print a number in five columns. */
static void print_column(int32_t number)
{
    int columns = 5;

    for (int32_t rest = number; rest >= 10 || rest < 0; rest = rest < 0 ? -rest : rest / 10)
        columns--;
    while (--columns > 0)
        print(" ");
    print_number(number);
}

int main(void)
{
    static const char *const states[] = {"", "  ready    ", "  sleeping ", "  waiting  ", "  ended    "};
    struct process_facts facts;

    print("   id parent  state    program\n");
    for (int32_t id = 0; (id = sys_process_after((uint32_t)id, &facts)) > 0;) {
        print_column(id);
        print("  ");
        print_column(facts.parent);
        print(states[facts.state]);
        print(facts.name);
        print("\n");
    }
    return 0;
}
