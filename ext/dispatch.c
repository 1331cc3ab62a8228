/* The tables that this processor can run, best first. */
#include "tv5/kernels.h"

#include <string.h>

extern const tv5_kernels tv5_kernels_portable;

#if defined(__x86_64__)
#include <cpuid.h>

extern const tv5_kernels tv5_kernels_avx2, tv5_kernels_avx512;

/* CPUID and XGETBV are asked directly: __builtin_cpu_supports reads what the compiler's runtime
 * fills in, and not every one does (Zig's leaves it empty). Numbers of bits are Intel's. */
#define HAS(word, bit) (((word) >> (bit)) & 1u)

typedef struct {
    unsigned c1, b7, c7; /* ECX of leaf 1; EBX and ECX of leaf 7 */
    unsigned saved;      /* registers that the operating system saves: XCR0 */
} tv5_processor;

static tv5_processor processor(void)
{
    tv5_processor found = {0, 0, 0, 0};
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !HAS(c, 27)) /* OSXSAVE: XGETBV may be asked */
        return found;
    found.c1 = c;
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
        found.b7 = b;
        found.c7 = c;
    }
    __asm__ volatile("xgetbv" : "=a"(found.saved), "=d"(d) : "c"(0));
    return found;
}

static int has_avx2(tv5_processor p)
{
    return (p.saved & 0x06) == 0x06 /* XMM, YMM */ && HAS(p.c1, 28) /* AVX */ &&
           HAS(p.c1, 29) /* F16C */ && HAS(p.c1, 23) /* POPCNT */ && HAS(p.b7, 5) /* AVX2 */ &&
           HAS(p.b7, 3) /* BMI1 */ && HAS(p.b7, 8) /* BMI2 */;
}

static int has_avx512(tv5_processor p)
{
    return has_avx2(p) && (p.saved & 0xe6) == 0xe6 /* also opmasks and ZMM */ &&
           HAS(p.b7, 16) /* F */ && HAS(p.b7, 17) /* DQ */ && HAS(p.b7, 30) /* BW */ &&
           HAS(p.b7, 31) /* VL */ && HAS(p.c7, 11) /* VNNI */ && HAS(p.c7, 14) /* VPOPCNTDQ */;
}
#elif defined(__aarch64__)
extern const tv5_kernels tv5_kernels_neon;
#endif

static size_t tables(const tv5_kernels **out)
{
    size_t n = 0;
#if defined(__x86_64__)
    tv5_processor here = processor();
    if (has_avx512(here))
        out[n++] = &tv5_kernels_avx512;
    if (has_avx2(here))
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
