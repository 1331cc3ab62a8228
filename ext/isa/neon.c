/* NEON as every 64-bit Arm processor has it. */
#if defined(__aarch64__)
#include "tv5/kernels.h"

#include <arm_neon.h>

#include "../asymmetric/neon.h"
#include "../dot/neon.h"
#include "../edits/portable.h"
#include "../hamming/portable.h"

#define TV5_TABLE tv5_kernels_neon
#define TV5_NAME "neon"
#include "../kernels.inc"
#else
typedef int tv5_no_neon; /* a translation unit must not be empty */
#endif
