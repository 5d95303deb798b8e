/* <time.h>: dates from seconds and back, in UTC, and a clock that goes forward. */
#include <stdio.h>
#include <time.h>

int main(void)
{
    static const time_t moments[] = {0, 1, 86399, 951782400, 1700000000, 2147483647, 4102444800};
    struct timespec first, second;
    char text[64];
    struct tm parts;

    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
        gmtime_r(&moments[i], &parts);
        strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S %a %j %b", &parts);
        printf("%s %d %lld %s", text, parts.tm_wday, (long long)timegm(&parts), asctime(&parts));
    }
    parts = (struct tm){.tm_year = 124, .tm_mon = 13, .tm_mday = 32};
    printf("%lld ", (long long)mktime(&parts));
    printf("%d-%d-%d\n", parts.tm_year, parts.tm_mon, parts.tm_mday);
    clock_gettime(CLOCK_MONOTONIC, &first);
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    clock_gettime(CLOCK_MONOTONIC, &second);
    printf("%d\n", (second.tv_sec - first.tv_sec) * 1000000000LL + second.tv_nsec - first.tv_nsec >= 10000000);
}
