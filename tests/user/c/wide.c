/* <wchar.h>, <wctype.h>, <locale.h>, environment: what there is beside bytes. */
#define _GNU_SOURCE
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wchar.h>
#include <wctype.h>

int main(void)
{
    wchar_t wide[32] = L"one two", *end;
    char bytes[32];
    struct tm parts = {0};

    printf("%zu %d %td %ld ", wcslen(wide), wcscmp(wide, L"one") > 0, wcschr(wide, L't') - wide, wcstol(L"-12x", &end, 10));
    printf("%d %d %d\n", *end == L'x', iswalpha(L'a') != 0, towupper(L'b') == L'B');
    printf("%zu ", wcstombs(bytes, wide, sizeof bytes));
    printf("%s ", bytes);
    printf("%zu ", mbstowcs(wide, "back", 32));
    printf("%d ", wcscmp(wide, L"back"));
    printf("%d %d ", mblen("a", 1), mbtowc(wide, "xyz", 3));
    printf("%d\n", wide[0] == L'x');
    printf("%s %d %s ", setlocale(LC_ALL, "C"), setlocale(LC_ALL, "xx_YY") == NULL, localeconv()->decimal_point);
    printf("%s\n", nl_langinfo(DAY_2));
    printf("%d ", setenv("A", "1", 1));
    setenv("A", "2", 0);
    printf("%s ", getenv("A"));
    putenv("B=3");
    printf("%s ", getenv("B"));
    unsetenv("A");
    printf("%d %d\n", getenv("A") == NULL, setenv("A=B", "x", 1));
    printf("%s", strptime("2024-02-29 12:34:56", "%Y-%m-%d %H:%M:%S", &parts));
    printf("%d %d %d\n", parts.tm_year, parts.tm_yday * 0 + parts.tm_mon, parts.tm_sec);
}
