/* musl's <stdio.h>, and what lets the compiler compare a format with its arguments. */
#include_next <stdio.h>

#ifndef KEELBACK_STDIO_H
#define KEELBACK_STDIO_H

#ifdef __cplusplus
extern "C" {
#endif

#define KEELBACK_PRINTS(text, first) __attribute__((format(printf, text, first)))
#define KEELBACK_SCANS(text, first) __attribute__((format(scanf, text, first)))

int printf(const char *__restrict, ...) KEELBACK_PRINTS(1, 2);
int fprintf(FILE *__restrict, const char *__restrict, ...) KEELBACK_PRINTS(2, 3);
int sprintf(char *__restrict, const char *__restrict, ...) KEELBACK_PRINTS(2, 3);
int snprintf(char *__restrict, size_t, const char *__restrict, ...) KEELBACK_PRINTS(3, 4);
int scanf(const char *__restrict, ...) KEELBACK_SCANS(1, 2);
int fscanf(FILE *__restrict, const char *__restrict, ...) KEELBACK_SCANS(2, 3);
int sscanf(const char *__restrict, const char *__restrict, ...) KEELBACK_SCANS(2, 3);

#undef KEELBACK_PRINTS
#undef KEELBACK_SCANS

#ifdef __cplusplus
}
#endif

#endif
