/* Plain C for any processor. */
#include "tv5/kernels.h"

#include "../asymmetric/portable.h"
#include "../dot/portable.h"
#include "../edits/portable.h"
#include "../hamming/portable.h"

#define TV5_TABLE tv5_kernels_portable
#define TV5_NAME "portable"
#include "../kernels.inc"
