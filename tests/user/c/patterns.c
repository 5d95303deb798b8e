/* <fnmatch.h>, <regex.h>, <getopt.h>, <libgen.h>: what fits a pattern, and what words say. */
#define _GNU_SOURCE
#include <fnmatch.h>
#include <getopt.h>
#include <libgen.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>

static void shell_patterns(void)
{
    static const char *const cases[][2] = {{"*.c", "foo.c"}, {"*.c", ".c"}, {"*.a", "foo.c"}, {"a[b-d]e", "ace"}, {"a[!b-d]e", "ace"},
                                           {"?*", ""}, {"\\*", "*"}, {"a/*", "a/.b"}, {"[[:digit:]]", "7"}, {"[a", "[a"}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        printf("%d%d%d ", fnmatch(cases[i][0], cases[i][1], 0) != 0, fnmatch(cases[i][0], cases[i][1], FNM_PERIOD) != 0,
               fnmatch(cases[i][0], cases[i][1], FNM_PATHNAME) != 0);
    printf("\n");
}

static void expressions(void)
{
    static const char *const cases[][2] = {{"a(b*)c", "xabbcx"}, {"^[0-9]+$", "12345"}, {"^[0-9]+$", "12x"}, {"(a|b)(c|d)", "zbd"},
                                           {"x{2,3}", "xxxx"}, {"[[:space:]]+", "a \tb"}, {"", "anything"}};
    regmatch_t found[3];
    regex_t compiled;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int result = regcomp(&compiled, cases[i][0], REG_EXTENDED);

        if (result == 0)
            result = regexec(&compiled, cases[i][1], 3, found, 0);
        printf("%d", result != 0);
        for (int j = 0; result == 0 && j <= (int)compiled.re_nsub; j++)
            printf(" %d-%d", (int)found[j].rm_so, (int)found[j].rm_eo);
        printf("\n");
        regfree(&compiled);
    }
    printf("%d\n", regcomp(&compiled, "(", REG_EXTENDED) != 0);
}

static void words(void)
{
    char *given[] = {"name", "rest", "--alpha", "--beta=5", "-g", "--beta", "6", "more", NULL};
    static const struct option options[] = {{"alpha", no_argument, NULL, 'a'}, {"beta", required_argument, NULL, 'b'}, {0}};
    char path[] = "/usr/lib/name.c", again[] = "/usr/lib/name.c";
    int letter;

    while ((letter = getopt_long(8, given, "g", options, NULL)) != -1)
        printf("%c=%s ", letter, letter == 'b' ? optarg : "");
    printf("%d %s %s\n", optind, given[optind], given[optind + 1]);
    printf("%s ", basename(path));
    printf("%s\n", dirname(again));
}

int main(void)
{
    shell_patterns();
    expressions();
    words();
}
