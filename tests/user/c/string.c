/* <string.h>: each function on texts and memory, by what it returns. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int sign(int number)
{
    return (number > 0) - (number < 0);
}

int main(void)
{
    char text[64] = "one two  three", copy[64], *rest, *word, *made;
    static const char *const pairs[][2] = {{"a", "b"}, {"b", "a"}, {"", ""}, {"", "x"}, {"same", "same"}, {"sam", "same"}, {"\xff", "a"}};

    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        const char *a = pairs[i][0], *b = pairs[i][1];

        printf("%d %d %d | ", sign(strcmp(a, b)), sign(strncmp(a, b, 3)), sign(memcmp(a, b, 1)));
    }
    printf("\n%s ", strcpy(copy, "copied"));
    printf("%s ", strcat(copy, " and more"));
    printf("%s\n", strncat(copy, "12345", 2));
    strncpy(copy, "short", 10);
    printf("%d %d %s\n", copy[5], copy[9], copy + 10);
    printf("%zu %zu %zu %zu\n", strlen(text), strnlen(text, 3), strspn("aab", "a"), strcspn("xyz", "z"));
    printf("%td %td %td %d\n", strchr(text, 'o') - text, strrchr(text, 'o') - text, strstr(text, "two") - text,
           strchr(text, '?') == NULL && strstr(text, "four") == NULL);
    printf("%td %td\n", strpbrk(text, "wxyz") - text, (char *)memchr(text, 't', 14) - text);
    for (word = strtok(text, " "); word != NULL; word = strtok(NULL, " "))
        printf("<%s>", word);
    strcpy(text, "a,b,,c");
    for (word = strtok_r(text, ",", &rest); word != NULL; word = strtok_r(NULL, ",", &rest))
        printf("<%s>", word);
    strcpy(text, "a,b,,c");
    for (rest = text; (word = strsep(&rest, ",")) != NULL;)
        printf("(%s)", word);
    printf("\n");

    memset(copy, 'x', 10);
    memcpy(copy + 2, "12345", 5);
    memmove(copy + 4, copy + 2, 5);
    copy[10] = 0;
    made = strdup(copy);
    printf("%s %s %d\n", made, strndup("abcdef", 3), memcmp(made, copy, 11));
    free(made);
    printf("%d %s\n", strerror(2)[0] != 0, strchr(strerror(12), 'm') != NULL ? "memory" : "?");
    printf("%d %d\n", sign(strcoll("a", "b")), (int)strxfrm(copy, "abc", sizeof copy));
    printf("%d %td\n", memmem("haystack", 8, "st", 2) != NULL, stpcpy(copy, "four") - copy);
}
