/* <stdlib.h>: numbers from texts, sorting, searching, memory, the environment and the way out. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int by_value(const void *left, const void *right)
{
    int a = *(const int *)left, b = *(const int *)right;

    return (a > b) - (a < b);
}

static void bye(void)
{
    puts("the first that was noted, so the last");
}

static void good(void)
{
    puts("at the exit");
}

int main(void)
{
    int numbers[] = {5, -3, 99, 0, 5, 12, -77}, key = 12, missing = 13;
    static const char *const texts[] = {"42", "  -17x", "0x1f", "077", "99999999999999999999", "", "z", "-0"};
    char *end, *memory;
    div_t parts = div(-7, 2);

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        errno = 0;
        printf("%d ", atoi(i == 4 ? "0" : texts[i]));
        printf("%lld ", strtoll(texts[i], &end, 0));
        printf("[%s] %d ", end, errno == ERANGE);
        errno = 0;
        printf("%llu ", strtoull(texts[i], NULL, 10));
        printf("%d\n", errno == ERANGE);
    }
    printf("%ld %lu\n", strtol("-zz", NULL, 36), strtoul("777", NULL, 8));
    for (int base = 2; base <= 36; base += 7) {
        errno = 0;
        printf("%lld ", strtoll("0xz12", &end, base));
        printf("%s %d ", end, errno == EINVAL);
    }
    printf("%lld ", strtoll("0xz", &end, 16));
    printf("%s %lld ", end, strtoll("00010010001101000101011001111000", NULL, 2));
    printf("%lld ", strtoll("-9223372036854775809", &end, 10));
    printf("[%s] %llu\n", end, strtoull("-1", NULL, 10));
    printf("%d %d %d %ld\n", parts.quot, parts.rem, abs(-5), labs(-6L));

    qsort(numbers, sizeof numbers / sizeof *numbers, sizeof *numbers, by_value);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        printf("%d ", numbers[i]);
    printf("%td ", (int *)bsearch(&key, numbers, 7, sizeof key, by_value) - numbers);
    printf("%d\n", bsearch(&missing, numbers, 7, sizeof key, by_value) == NULL);

    memory = calloc(10, 10);
    memory = realloc(memory, 1000);
    strcpy(memory + 90, "kept");
    memory = realloc(memory, 10000);
    printf("%s %d\n", memory + 90, memory[50]);
    free(memory);

    printf("%s ", getenv("KEELBACK_HAS_NO_SUCH") == NULL ? "none" : "some");
    setenv("NAME", "value", 1);
    printf("%s\n", getenv("NAME"));

    srand(7);
    key = rand();
    srand(7);
    printf("%d %d\n", key == rand(), key >= 0 && key <= RAND_MAX);
    atexit(bye);
    atexit(good);
    exit(3);
}
