/* Spin for the GIL a moment before sleeping for it.
 *
 * A search of one query runs native code for 30 to 100 us and Python code for 10 us. A thread that
 * finds the GIL taken goes to sleep, and waking it takes longer than the other thread's Python code
 * takes; by then that thread has searched again and finds the GIL taken in its turn. Two threads
 * then run in lockstep and search hardly faster than one. So a search records when it acquires the
 * GIL and when it releases it, and a search that needs the GIL meanwhile spins.
 *
 * The record is a hint: if it is wrong, a thread spins for at most GIL_SPIN_NS, or sleeps as it
 * would have done without it.
 */
#ifndef TV5_GIL_H
#define TV5_GIL_H

#include <stdint.h>
#include <time.h>

/* Longer than the Python code of a search; a thread that holds the GIL longer does other work. */
enum { GIL_SPIN_NS = 20000 };

static uint64_t gil_acquired_ns; /* when a search acquired the GIL; 0 once it released it */

static inline uint64_t gil_clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Record that the GIL was released. */
static inline void gil_released(void)
{
    __atomic_store_n(&gil_acquired_ns, 0, __ATOMIC_RELAXED);
}

/* Record that the GIL was acquired. */
static inline void gil_acquired(void)
{
    __atomic_store_n(&gil_acquired_ns, gil_clock_ns(), __ATOMIC_RELAXED);
}

/* Spin while another search holds the GIL, unless it has held it for long. */
static inline void gil_spin(void)
{
    uint64_t since;
    while ((since = __atomic_load_n(&gil_acquired_ns, __ATOMIC_RELAXED)) != 0
           && gil_clock_ns() - since < GIL_SPIN_NS) {
#if defined(__x86_64__)
        __builtin_ia32_pause();
#elif defined(__aarch64__)
        __asm__ volatile("yield");
#endif
    }
}

#endif
