/* Compare every table of kernels with the portable one, bit by bit, without Python.
 *
 *     driver [TABLE]...
 *
 * runs all checks for the named tables, or for all that this processor has. To add a check, write
 * it in one of the files beside this one, or in a new one, and list its array in `groups`.
 *
 * Built with TV5_EMULATE_AVX512, avx512 runs emulated on any x86-64 (emulate_avx512.h).
 * The portable table is compared with itself, for the sanitizers; the tests in Python compare its
 * results with those of the NumPy kernels.
 */
#include <stdio.h>
#include <string.h>

#include "support.h"

extern const tv5_kernels tv5_kernels_portable, tv5_kernels_avx512;

static const check *const groups[] = {row_checks, selection_checks, walk_checks, link_checks,
                                      posting_checks, value_checks};
static const char *const all[] = {"portable", "avx2", "avx512", "neon"};

static const tv5_kernels *table_of(const char *name)
{
#if defined(__x86_64__) && defined(TV5_EMULATE_AVX512)
    if (strcmp(name, "avx512") == 0)
        return &tv5_kernels_avx512;
#endif
    return tv5_find(name);
}

static void run(const tv5_kernels *table)
{
    printf("%s:", table->name);
    for (size_t g = 0; g < sizeof groups / sizeof *groups; ++g)
        for (const check *c = groups[g]; c->name; ++c) {
            seed(1 + g);
            printf(" %s", c->name);
            fflush(stdout);
            c->run(table, &tv5_kernels_portable);
            release_all();
        }
    printf(" ok\n");
}

int main(int argc, char **argv)
{
    int explicit = argc > 1;
    size_t count = explicit ? (size_t)argc - 1 : sizeof all / sizeof *all;
    for (size_t i = 0; i < count; ++i) {
        const char *name = explicit ? argv[i + 1] : all[i];
        const tv5_kernels *table = table_of(name);
        if (table)
            run(table);
        else if (explicit)
            return fprintf(stderr, "FAILED: no table %s here\n", name), 1;
    }
    return 0;
}
