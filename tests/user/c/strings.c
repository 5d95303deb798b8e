/* <strings.h>: comparing without case, and bits. */
#include <stdio.h>
#include <strings.h>

static int sign(int number)
{
    return (number > 0) - (number < 0);
}

int main(void)
{
    char text[8] = "abcdefg";

    printf("%d %d %d %d\n", strcasecmp("HeLLo", "hEllO"), sign(strcasecmp("a", "B")), strncasecmp("ABx", "aby", 2),
           sign(strncasecmp("ABx", "aby", 3)));
    printf("%d %d %d %d\n", ffs(0), ffs(1), ffs(0x80), ffs(-2147483647 - 1));
    bzero(text + 2, 3);
    printf("%s %s\n", text, text + 5);
    printf("%s %s\n", index("a.b.c", '.'), rindex("a.b.c", '.'));
}
