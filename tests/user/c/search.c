/* <search.h> and sorting: tables, trees, lists, and arrays of every small size. */
#define _GNU_SOURCE
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int by_text(const void *left, const void *right)
{
    return strcmp(left, right);
}

static int by_byte(const void *left, const void *right)
{
    return *(const unsigned char *)left - *(const unsigned char *)right;
}

static void show(const void *node, VISIT visit, int depth)
{
    if (visit == postorder || visit == leaf)
        printf("%s ", *(char **)node);
}

static void table(void)
{
    static char *words[] = {"one", "two", "three", "four"};
    ENTRY *found, wanted;

    printf("%d ", hcreate(20) != 0);
    for (int i = 0; i < 4; i++)
        hsearch((ENTRY){words[i], words[3 - i]}, ENTER);
    for (int i = 0; i < 4; i++) {
        wanted.key = words[i];
        found = hsearch(wanted, FIND);
        printf("%s ", (char *)found->data);
    }
    wanted.key = "none";
    printf("%d\n", hsearch(wanted, FIND) == NULL);
    hdestroy();
}

static void tree(void)
{
    static char *words[] = {"m", "c", "x", "a", "z", "d", "m"};
    void *root = NULL;

    for (int i = 0; i < 7; i++)
        tsearch(words[i], &root, by_text);
    twalk(root, show);
    printf("%d %d ", tfind("x", &root, by_text) != NULL, tfind("y", &root, by_text) == NULL);
    tdelete("c", &root, by_text);
    twalk(root, show);
    printf("\n");
}

static void arrays(void)
{
    unsigned char array[64], state = 1;
    size_t count = 3;
    int list[4] = {5, 7, 9}, key = 7, other = 8;

    for (size_t size = 0; size <= sizeof array; size++) {
        for (size_t i = 0; i < size; i++)
            array[i] = state = (unsigned char)(state * 5 + 3);
        qsort(array, size, 1, by_byte);
        for (size_t i = 0; i < size; i++)
            printf("%02x", array[i]);
        printf("\n");
    }
    printf("%d ", lfind(&key, list, &count, sizeof key, by_byte) == list + 1);
    printf("%d ", lsearch(&other, list, &count, sizeof key, by_byte) == list + 3);
    printf("%zu\n", count);
}

int main(void)
{
    table();
    tree();
    arrays();
}
