/* SPDX-License-Identifier: Apache-2.0 */
/* varint_test.c -- the integer encoding: every length, both ends of it, and what is refused. */
#include "check.h"
#include "schema/varint.h"

static void round_trip(uint64_t value, unsigned bytes)
{
    uint8_t row[MR_VARINT_BYTES_MAX];
    uint64_t back = ~value;

    CHECK_EQ(mr_put_uvarint(row, value) - row, bytes);
    CHECK(mr_get_uvarint(row, row + bytes, &back) == row + bytes);
    CHECK_EQ(back, value);
    for (unsigned end = 0; end < bytes; end++) { /* cut off anywhere: refused */
        CHECK(mr_get_uvarint(row, row + end, &back) == NULL);
    }
}

int main(void)
{
    round_trip(0, 1);
    for (unsigned bits = 7, bytes = 1; bits < 64; bits += 7, bytes++) {
        round_trip((UINT64_C(1) << bits) - 1, bytes);
        round_trip(UINT64_C(1) << bits, bytes + 1);
    }
    round_trip(UINT64_MAX, 10);

    /* 300 is 0xac 0x02, as in the worked example. */
    uint8_t row[MR_VARINT_BYTES_MAX];
    CHECK_EQ(mr_put_uvarint(row, 300) - row, 2);
    CHECK_BYTES(row, "\xac\x02", 2);

    /* 64 bits and no more; an eleventh byte never. */
    uint64_t value;
    static const uint8_t too_large[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02};
    static const uint8_t too_long[] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
                                       0x80, 0x80, 0x80, 0x80, 0x00};
    CHECK(mr_get_uvarint(too_large, too_large + sizeof too_large, &value) == NULL);
    CHECK(mr_get_uvarint(too_long, too_long + sizeof too_long, &value) == NULL);

    /* A longer form than needed is not what we write, but it is read. */
    static const uint8_t padded[] = {0x85, 0x00};
    CHECK(mr_get_uvarint(padded, padded + sizeof padded, &value) == padded + sizeof padded);
    CHECK_EQ(value, 5);

    static const int64_t signed_values[] = {0, -1, 1, -2, 2, INT64_MAX, INT64_MIN};
    static const uint64_t folded[] = {0, 1, 2, 3, 4, UINT64_MAX - 1, UINT64_MAX};
    for (unsigned i = 0; i < sizeof folded / sizeof folded[0]; i++) {
        int64_t back = 0;

        CHECK_EQ(mr_zigzag(signed_values[i]), folded[i]);
        CHECK_EQ(mr_unzigzag(folded[i]), signed_values[i]);
        uint8_t *end = mr_put_svarint(row, signed_values[i]);
        CHECK(mr_get_svarint(row, end, &back) == end);
        CHECK_EQ(back, signed_values[i]);
    }
    return check_summary();
}
