/* <inttypes.h> and <stdint.h>: formats by width, and the largest integers. */
#include <inttypes.h>
#include <stdio.h>

int main(void)
{
    imaxdiv_t parts = imaxdiv(-17, 5);
    uint64_t large = UINT64_MAX;
    int32_t scanned;

    printf("%" PRId8 " %" PRIu16 " %" PRIx32 " %" PRId64 " %" PRIu64 "\n", (int8_t)-8, (uint16_t)65535, UINT32_C(0xdeadbeef),
           INT64_MIN, large);
    printf("%jd %jd %jd\n", parts.quot, parts.rem, imaxabs(-9));
    printf("%jd %ju\n", strtoimax("-123456789012345", NULL, 10), strtoumax("ffffffffffffffff", NULL, 16));
    printf("%d ", sscanf("-5", "%" SCNd32, &scanned));
    printf("%" PRId32 "\n", scanned);
    printf("%d %d %d\n", (int)sizeof(int_least16_t), (int)sizeof(uint8_t), (int)sizeof(int64_t));
}
