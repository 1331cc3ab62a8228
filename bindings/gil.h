/* Wait a moment for the GIL before sleeping for it.
 *
 * A search of one query is native for 30 to 100 us and Python for 10. A thread that finds the GIL
 * taken goes to sleep, and to be woken takes longer than the other thread's Python; by then that
 * one has searched and finds the GIL taken in its turn. So two threads fall into step and search
 * hardly faster than one. Here a search tells when it has taken the GIL back and when it is given
 * up for the next one, and one that wants it back meanwhile spins.
 *
 * Nothing depends on what is told being right: at worst a thread spins for GIL_PATIENCE, or sleeps
 * as it would have done.
 */
#ifndef TV5_GIL_H
#define TV5_GIL_H

#include <stdint.h>
#include <time.h>

/* Longer than the Python of a search; whoever has the GIL for longer does something else. */
enum { GIL_PATIENCE = 20000 }; /* ns */

static uint64_t gil_taken; /* when a search took the GIL back, in ns; 0 once it was given up */

static inline uint64_t gil_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Tell that the GIL was given up. */
static inline void gil_free(void)
{
    __atomic_store_n(&gil_taken, 0, __ATOMIC_RELAXED);
}

/* Tell that the GIL was taken back. */
static inline void gil_back(void)
{
    __atomic_store_n(&gil_taken, gil_clock(), __ATOMIC_RELAXED);
}

/* Spin while another search has the GIL, unless it has had it for long. */
static inline void gil_await(void)
{
    uint64_t since;
    while ((since = __atomic_load_n(&gil_taken, __ATOMIC_RELAXED)) != 0
           && gil_clock() - since < GIL_PATIENCE) {
#if defined(__x86_64__)
        __builtin_ia32_pause();
#elif defined(__aarch64__)
        __asm__ volatile("yield");
#endif
    }
}

#endif
