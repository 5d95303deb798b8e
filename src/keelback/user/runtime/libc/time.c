/* Time: the kernel counts ticks since it started.  Nobody knows the time of day, and `time` says so, as C allows. */
#include <errno.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "error.h"

enum { NANOSECONDS_OF_A_TICK = 1000000000 / TICKS_PER_SECOND };

int clock_gettime(clockid_t clock, struct timespec *time)
{
    struct uptime uptime;

    if (clock != CLOCK_MONOTONIC) {
        errno = EINVAL;
        return -1;
    }
    sys_uptime(&uptime);
    time->tv_sec = uptime.ticks / TICKS_PER_SECOND;
    time->tv_nsec = (long)(uptime.ticks % TICKS_PER_SECOND) * NANOSECONDS_OF_A_TICK;
    return 0;
}

/* The time that the kernel has run, that of other processes with it: the nearest to processor time that it knows. */
clock_t clock(void)
{
    struct uptime uptime;

    sys_uptime(&uptime);
    return (clock_t)(uptime.ticks * (CLOCKS_PER_SEC / TICKS_PER_SECOND));
}

time_t time(time_t *time)
{
    if (time != NULL)
        *time = (time_t)-1;
    return (time_t)-1;
}

/* Sleep for at least so long, in whole ticks. */
int nanosleep(const struct timespec *time, struct timespec *left)
{
    uint64_t ticks;

    if (time->tv_sec < 0 || time->tv_nsec < 0 || time->tv_nsec > 999999999) {
        errno = EINVAL;
        return -1;
    }
    ticks = (uint64_t)time->tv_sec * TICKS_PER_SECOND;
    ticks += ((uint32_t)time->tv_nsec + NANOSECONDS_OF_A_TICK - 1) / NANOSECONDS_OF_A_TICK;
    for (; ticks > INT32_MAX; ticks -= INT32_MAX)
        sys_sleep(INT32_MAX);
    sys_sleep((uint32_t)ticks);
    return 0;
}

unsigned sleep(unsigned seconds)
{
    nanosleep(&(struct timespec){.tv_sec = seconds}, NULL);
    return 0;
}

int usleep(unsigned microseconds)
{
    struct timespec time = {.tv_sec = microseconds / 1000000, .tv_nsec = (long)(microseconds % 1000000) * 1000};

    return nanosleep(&time, NULL);
}
