/* main(int argc, char **argv): the words of the argument. */
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    printf("%d %d %zu\n", argc, argv[argc] == NULL, strlen(argv[0]) > 0 ? (size_t)1 : (size_t)0);
    for (int i = 1; i < argc; i++)
        printf("<%s>\n", argv[i]);
    return argc;
}
