/* <assert.h>: what holds goes on, and NDEBUG takes the test away. */
#include <assert.h>
#include <stdio.h>

static int calls;

static int one(void)
{
    return ++calls;
}

#undef NDEBUG
#include <assert.h>

static void checked(void)
{
    assert(one());
}

#define NDEBUG
#include <assert.h>

int main(void)
{
    checked();
    assert(one() == 99);
    printf("%d\n", calls);
    static_assert(sizeof(char) == 1, "a char is a byte");
}
