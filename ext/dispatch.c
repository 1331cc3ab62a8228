/* The tables that this processor can run, best first. */
#include "tv5/kernels.h"

#include <string.h>

extern const tv5_kernels tv5_kernels_portable;

#if defined(__x86_64__)
#include <cpuid.h>

extern const tv5_kernels tv5_kernels_avx2, tv5_kernels_avx512;

/* __builtin_cpu_supports also checks that the operating system saves the wide registers. */
static int has_avx2(void)
{
    unsigned a, b, c, d;
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
           __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt") &&
           __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}

static int has_avx512(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512vpopcntdq");
}
#elif defined(__aarch64__)
extern const tv5_kernels tv5_kernels_neon;
#endif

static size_t tables(const tv5_kernels **out)
{
    size_t n = 0;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (has_avx512())
        out[n++] = &tv5_kernels_avx512;
    if (has_avx2())
        out[n++] = &tv5_kernels_avx2;
#elif defined(__aarch64__)
    out[n++] = &tv5_kernels_neon;
#endif
    out[n++] = &tv5_kernels_portable;
    return n;
}

const char *tv5_available(size_t i)
{
    const tv5_kernels *found[4];
    return i < tables(found) ? found[i]->name : NULL;
}

const tv5_kernels *tv5_find(const char *name)
{
    const tv5_kernels *found[4];
    for (size_t i = 0, n = tables(found); i < n; ++i)
        if (strcmp(found[i]->name, name) == 0)
            return found[i];
    return NULL;
}
