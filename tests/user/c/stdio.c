/* <stdio.h>: formats of integers and texts, into strings and out, and reading from strings. */
#include <stdio.h>
#include <string.h>

static void formats(void)
{
    static const char *const formats[] = {"[%lld]", "[%5lld]", "[%-5lld]", "[%05lld]", "[%+lld]", "[% lld]", "[%.3lld]",
                                          "[%8.3lld]", "[%llx]", "[%#llx]", "[%#llo]", "[%llX]", "[%llu]", "[%.0lld]"};
    static const long long numbers[] = {0, 1, -1, 42, -12345, 2147483647, -2147483648LL, 9223372036854775807LL,
                                        -9223372036854775807LL - 1};

    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        for (size_t j = 0; j < sizeof numbers / sizeof *numbers; j++)
            printf(formats[i], numbers[j]);
        printf("\n");
    }
    printf("%hhd %hd %d %ju %zu %td\n", (char)-3, (short)-4, -5, (__UINTMAX_TYPE__)6, (size_t)7, (__PTRDIFF_TYPE__)-8);
    printf("%*d|%-*d|%.*s|%%|%c%c\n", 6, 42, 6, 42, 3, "abcdef", 'x', 'y');
    printf("[%s] [%10s] [%-10s] [%.2s]\n", "text", "text", "text", "text");
    printf("%2$s %1$d\n", 7, "second");
    printf("%s %d%n", "count", 3, &(int){0});
    printf("\n");
}

static void into_strings(void)
{
    char small[8], large[64];
    int first = 0, second = 0, count = snprintf(small, sizeof small, "%d and more", 12345);
    char word[16], letters[16];
    unsigned hexadecimal;

    printf("%d [%s]\n", count, small);
    count = sprintf(large, "%s-%03d", "made", 7);
    printf("%d [%s]\n", count, large);
    printf("%d\n", snprintf(NULL, 0, "%d", 1000));
    printf("%d ", sscanf("12 -34 word 0xff abc123", "%d %d %15s %x %15[a-z]", &first, &second, word, &hexadecimal, letters));
    printf("%d %d %s %u %s\n", first, second, word, hexadecimal, letters);
    printf("%d\n", sscanf("x", "%d", &first));
    printf("%d\n", sscanf("", "%d", &first));
    count = sscanf("077 9", "%i %*d", &first);
    printf("%d %d\n", count, first);
}

static void characters(void)
{
    putchar('a');
    putc('b', stdout);
    fputc('c', stdout);
    fputs("d\n", stdout);
    puts("a line");
    fwrite("1234\n", 1, 5, stdout);
    fprintf(stdout, "%s\n", "to stdout");
    printf("%d %d\n", ferror(stdout), feof(stdout));
    printf("no end of line yet ");
    fflush(stdout);
    puts("here");
}

static void memory_files(void)
{
    char text[] = "first line\nsecond 42\n", line[32];
    FILE *file = fmemopen(text, strlen(text), "r");
    int number = 0;

    printf("%s", fgets(line, sizeof line, file));
    printf("%d ", fscanf(file, "second %d", &number));
    printf("%d %d\n", number, fgetc(file));
    printf("%d ", fgetc(file));
    printf("%d\n", feof(file) != 0);
    printf("%d\n", fclose(file));
}

int main(void)
{
    formats();
    into_strings();
    characters();
    memory_files();
}
