/* SPDX-License-Identifier: Apache-2.0 */
/* varint.h -- the one integer encoding of the trace: put and get side by side.
 *
 * An unsigned integer is written in groups of seven bits, least significant group first; every
 * byte but the last has its top bit set (LEB128). 64 bits take at most ten bytes. A signed
 * integer is folded first, so that small magnitudes stay short: 0, -1, 1, -2 ... become 0, 1, 2,
 * 3 ... ("zigzag").
 *
 * The getters trust no byte: they never read at or past `end`, and refuse a group that does not
 * fit 64 bits.                                                                                  */
#ifndef MEMREC_SCHEMA_VARINT_H
#define MEMREC_SCHEMA_VARINT_H

#include <stdint.h>

#define MR_VARINT_BYTES_MAX 10

static inline uint64_t mr_zigzag(int64_t value)
{
    return ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
}

static inline int64_t mr_unzigzag(uint64_t folded)
{
    return (int64_t)(folded >> 1) ^ -(int64_t)(folded & 1);
}

/* Writes value at out, which must have MR_VARINT_BYTES_MAX bytes free; returns the byte after. */
static inline uint8_t *mr_put_uvarint(uint8_t *out, uint64_t value)
{
    while (value >= 0x80) {
        *out++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *out++ = (uint8_t)value;
    return out;
}

static inline uint8_t *mr_put_svarint(uint8_t *out, int64_t value)
{
    return mr_put_uvarint(out, mr_zigzag(value));
}

/* Reads one integer at in; returns the byte after it, or NULL when it does not end before `end`
 * or does not fit 64 bits (then *value is unspecified). */
static inline const uint8_t *mr_get_uvarint(const uint8_t *in, const uint8_t *end, uint64_t *value)
{
    if (in < end && *in < 0x80) {
        *value = *in;
        return in + 1;
    }
    uint64_t result = 0;
    for (unsigned shift = 0; in < end && shift < 64; shift += 7) {
        uint64_t group = *in & 0x7f;
        if (shift == 63 && group > 1)
            return 0;
        result |= group << shift;
        if (*in++ < 0x80) {
            *value = result;
            return in;
        }
    }
    return 0;
}

static inline const uint8_t *mr_get_svarint(const uint8_t *in, const uint8_t *end, int64_t *value)
{
    uint64_t folded;
    in = mr_get_uvarint(in, end, &folded);
    if (in)
        *value = mr_unzigzag(folded);
    return in;
}

#endif
