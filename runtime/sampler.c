/* SPDX-License-Identifier: Apache-2.0 */
#include "sampler.h"

#include <string.h>

static uint64_t rotate_left(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

void mr_random_seed(uint64_t state[2], uint64_t seed)
{
    for (int i = 0; i < 2; i++) { /* splitmix64 */
        uint64_t z = (seed += UINT64_C(0x9E3779B97F4A7C15));
        z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
        state[i] = z ^ (z >> 31);
    }
    state[0] |= 1;
}

uint64_t mr_random_next(uint64_t state[2])
{
    uint64_t a = state[0], b = state[1];
    uint64_t result = a + b;
    b ^= a;
    state[0] = rotate_left(a, 24) ^ b ^ (b << 16);
    state[1] = rotate_left(b, 37);
    return result;
}

double mr_exponential(uint64_t bits)
{
    /* u = mantissa * 2^exponent with mantissa in [sqrt(1/2), sqrt(2)); ln m = 2 artanh((m-1)/(m+1)),
     * whose series in t^2 <= 0.0295 falls by 1.5 digits a term. */
    double u = ((double)(bits >> 12) + 0.5) * 0x1p-52;
    uint64_t raw;
    memcpy(&raw, &u, sizeof raw);
    int exponent = (int)(raw >> 52) - 1023;
    raw = (raw & UINT64_C(0x000FFFFFFFFFFFFF)) | UINT64_C(0x3FF0000000000000);
    double mantissa;
    memcpy(&mantissa, &raw, sizeof mantissa);
    if (mantissa > 1.4142135623730951) {
        mantissa *= 0.5;
        exponent++;
    }
    double t = (mantissa - 1) / (mantissa + 1);
    double s = t * t;
    double series =
        1 + s * (1.0 / 3 + s * (1.0 / 5 + s * (1.0 / 7 + s * (1.0 / 9 + s * (1.0 / 11 + s / 13)))));
    return -(2 * t * series + exponent * 0.69314718055994531);
}

uint64_t mr_sampler_draw(uint64_t state[2], uint64_t interval_bytes)
{
    double bytes = mr_exponential(mr_random_next(state)) * (double)interval_bytes;
    return bytes >= 0x1p61 ? UINT64_C(1) << 61 : (uint64_t)bytes + 1;
}

/* 1 - exp(-x), without cancellation: by its series for small x, else from the half. */
static double one_minus_exp(double x)
{
    if (x > 40)
        return 1;
    if (x < 0.01)
        return x * (1 - x / 2 * (1 - x / 3 * (1 - x / 4)));
    double half = one_minus_exp(x / 2);
    return half * (2 - half);
}

uint64_t mr_weighted_bytes(uint64_t size_bytes, uint64_t interval_bytes)
{
    if (size_bytes == 0)
        return interval_bytes;
    double p = one_minus_exp((double)size_bytes / (double)interval_bytes);
    return (uint64_t)((double)size_bytes / p);
}

uint32_t mr_interval_code(uint64_t base_bytes, uint64_t bytes)
{
    uint32_t code = 1;
    while (code != MR_INTERVAL_FINEST && mr_interval_bytes(base_bytes, code) > bytes &&
           mr_interval_bytes(base_bytes, mr_interval_finer(code)) > 0)
        code = mr_interval_finer(code);
    /* now not above `bytes`, if any is */
    while (code != MR_INTERVAL_COARSEST - 1) { /* 2^30 times the base */
        uint32_t next = mr_interval_coarser(code);
        uint64_t below = mr_interval_bytes(base_bytes, code);
        uint64_t above = mr_interval_bytes(base_bytes, next);
        if (bytes < below + (above - below) / 2)
            break;
        code = next;
    }
    return code;
}
