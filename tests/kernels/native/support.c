#define _GNU_SOURCE
#include "support.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define TV5_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TV5_ASAN 1
#endif
#endif

static uint64_t state;
static char context[256];
static struct block {
    void *start;
    size_t size;
} blocks[4096];
static size_t block_count; /* in use */
#ifndef TV5_ASAN
static size_t mapped;
#endif

void seed(uint64_t value)
{
    state = value * 0x9e3779b97f4a7c15u + 1;
}

uint32_t any_bits(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 24);
}

uint32_t below(uint32_t limit)
{
    return (uint32_t)((uint64_t)any_bits() * limit >> 32);
}

static void die(const char *what)
{
    fprintf(stderr, "FAILED: %s (%s)\n", what, context);
    exit(1);
}

#ifdef TV5_ASAN
void *room(size_t size)
{
    /* Sizes that are multiples of 64 keep their alignment; red zones begin at the exact end. */
    void *start = NULL;
    if (posix_memalign(&start, 64, size ? size : 1) || block_count == sizeof blocks / sizeof *blocks)
        die("out of memory");
    memset(start, 0xa5, size);
    blocks[block_count++] = (struct block){start, size};
    return start;
}

void release_all(void)
{
    while (block_count)
        free(blocks[--block_count].start);
}
#else
/* Mapping is slow, so blocks are kept and used again for as many pages. */
static void map_block(size_t whole, size_t page)
{
    char *start =
        mmap(NULL, whole + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED || mapped == sizeof blocks / sizeof *blocks ||
        mprotect(start + whole, page, PROT_NONE))
        die("out of memory");
    blocks[mapped++] = (struct block){start, whole};
}

void *room(size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), whole = (size + page - 1) / page * page;
    size_t i = block_count;
    while (i < mapped && blocks[i].size != whole)
        ++i;
    if (i == mapped)
        map_block(whole, page);
    /* Blocks in use come first. */
    struct block found = blocks[i];
    blocks[i] = blocks[block_count];
    blocks[block_count++] = found;
    return (char *)found.start + whole - size;
}

void release_all(void)
{
    block_count = 0;
}
#endif

uint8_t *bytes(size_t n)
{
    uint8_t *out = room(n);
    for (size_t i = 0; i < n; ++i)
        out[i] = (uint8_t)any_bits();
    return out;
}

int8_t *integers(size_t n, int least, int most)
{
    int8_t *out = room(n);
    for (size_t i = 0; i < n; ++i)
        out[i] = (int8_t)(least + (int)below((uint32_t)(most - least + 1)));
    return out;
}

static float from_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static float one_float(flavour kind)
{
    float unit = (float)(int32_t)any_bits() * 0x1p-31f;
    switch (kind) {
    case WIDE:
        return ldexpf(unit, (int)below(250) - 125);
    case SUBNORMAL:
        return unit * 1e-40f;
    case HUGE_VALUES:
        return unit * 3e38f;
    case ZEROS:
        return any_bits() & 1 ? 0.0f : -0.0f;
    case INTEGERS:
        return (float)below(7) - 3;
    case ANY_BITS:
        return from_bits(any_bits());
    default:
        return unit;
    }
}

float *floats(size_t n, flavour kind)
{
    float *out = room(n * sizeof *out);
    for (size_t i = 0; i < n; ++i)
        out[i] = one_float(kind);
    return out;
}

uint16_t *halves(size_t n, flavour kind)
{
    uint16_t *out = room(n * sizeof *out);
    for (size_t i = 0; i < n; ++i)
        /* Exponents up to 1 unless any bits will do, which includes infinity and NaN. */
        out[i] = (uint16_t)(any_bits() & (kind == ANY_BITS ? 0xffffu : 0xbfffu));
    return out;
}

float *signs_of(size_t n)
{
    float *out = room(n * sizeof *out);
    for (size_t i = 0; i < n; ++i)
        out[i] = any_bits() & 1 ? 1.0f : -1.0f;
    return out;
}

uint8_t *bitmap(size_t n, uint32_t percent)
{
    size_t size = (n + 7) / 8;
    uint8_t *out = room(size);
    for (size_t i = 0; i < size; ++i) {
        out[i] = 0;
        for (int bit = 0; bit < 8; ++bit)
            out[i] |= (uint8_t)((below(100) < percent) << bit);
    }
    return out;
}

void note(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(context, sizeof context, format, arguments);
    va_end(arguments);
}

void same_bytes(const char *what, const void *got, const void *want, size_t size)
{
    if (size && memcmp(got, want, size))
        die(what);
}

void same_floats(const char *what, const float *got, const float *want, size_t n)
{
    for (size_t i = 0; i < n; ++i)
        if (!(isnan(got[i]) && isnan(want[i])) && memcmp(got + i, want + i, sizeof *got))
            die(what);
}
