/* A library to preload that makes the n-th file operation of a process fail, or kills it there.
 *
 *     cc -O1 -shared -fPIC -o shim.so tests/crash/shim.c -ldl
 *     LD_PRELOAD=./shim.so TV5_SHIM_PATH=/films/ TV5_SHIM_OPS=fsync,fdatasync TV5_SHIM_NTH=3 \
 *         TV5_SHIM_ACTION=fail TV5_SHIM_ERROR=EIO python work.py
 *
 * TV5_SHIM_PATH    operations count where their path contains this text (default: any)
 * TV5_SHIM_OPS     which operations count (default: all): write, fsync, truncate, rename, unlink,
 *                  create, mkdir; "write" is every way to write, "fsync" every way to sync
 * TV5_SHIM_NTH     the one to act on, from 1
 * TV5_SHIM_ACTION  count, fail, short (half of it is written), kill-before, kill-after,
 *                  kill-torn (half of it is written)
 * TV5_SHIM_ERROR   EIO (default) or ENOSPC
 * TV5_SHIM_PERSIST 1: also every later one fails
 *
 * A process may also set itself up after its start, through ctypes: shim_arm() below. Only the
 * process that did is affected, not its children. Counts and the trace live in shared memory, so
 * that a parent reads what a killed child did. LMDB's commit (pwritev, fdatasync, pwrite of the
 * meta page through a second descriptor) is caught like everything else; stores through a map
 * cannot be.
 *
 * shim_log() instead lets everything pass and appends it to a log, data included, from which the
 * states that a loss of power may leave are put together (tests/crash/power.py). Of a file that is
 * mapped for writing, each sync logs all of it. See struct record.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum op { WRITE = 1, FSYNC = 2, TRUNCATE = 4, RENAME = 8, UNLINK = 16, CREATE = 32, MKDIR = 64 };
enum action { COUNT, FAIL, SHORT, KILL_BEFORE, KILL_AFTER, KILL_TORN, LOG };
enum verdict { GO, REFUSE, HALF, DIE_AFTER, DIE_HALF };

#define TRACED 20000
#define PATH_BYTES 120

static struct state {
    atomic_long count, fired;
    int pid, action, error, persist, log;
    unsigned ops;
    long nth;
    char pattern[512];
    struct {
        int op;
        char path[PATH_BYTES]; /* its end */
    } trace[TRACED];
} *state;

static void shut(void) { state->pid = 0; }

void shim_arm(const char *pattern, unsigned ops, long nth, int action, int error, int persist) {
    shut();
    snprintf(state->pattern, sizeof state->pattern, "%s", pattern);
    state->ops = ops;
    state->nth = nth;
    state->action = action;
    state->error = error;
    state->persist = persist;
    atomic_store(&state->count, 0);
    atomic_store(&state->fired, 0);
    atomic_thread_fence(memory_order_seq_cst);
    state->pid = getpid();
}

void shim_disarm(void) { shut(); }
long shim_count(void) { return atomic_load(&state->count); }
long shim_fired(void) { return atomic_load(&state->fired); }
int shim_trace_op(long i) { return i < TRACED ? state->trace[i].op : 0; }
const char *shim_trace_path(long i) { return i < TRACED ? state->trace[i].path : ""; }

static unsigned named(const char *names) {
    static const struct {
        const char *name;
        unsigned op;
    } known[] = {{"write", WRITE},   {"fsync", FSYNC},   {"truncate", TRUNCATE}, {"rename", RENAME},
                 {"unlink", UNLINK}, {"create", CREATE}, {"mkdir", MKDIR}};
    unsigned ops = 0;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strstr(names, known[i].name)) ops |= known[i].op;
    return ops;
}

static int action_of(const char *name) {
    static const char *const known[] = {"count",       "fail",       "short",
                                        "kill-before", "kill-after", "kill-torn"};
    for (int i = 0; i < 6; i++)
        if (!strcmp(name, known[i])) return i;
    fprintf(stderr, "shim: unknown action %s\n", name);
    _exit(2);
}

__attribute__((constructor)) static void start(void) {
    state = mmap(NULL, sizeof *state, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (state == MAP_FAILED) _exit(2);
    const char *action = getenv("TV5_SHIM_ACTION"), *path = getenv("TV5_SHIM_PATH");
    const char *ops = getenv("TV5_SHIM_OPS"), *nth = getenv("TV5_SHIM_NTH");
    const char *error = getenv("TV5_SHIM_ERROR"), *persist = getenv("TV5_SHIM_PERSIST");
    if (action)
        shim_arm(path ? path : "", ops ? named(ops) : 0xff, nth ? atol(nth) : 0, action_of(action),
                 error && !strcmp(error, "ENOSPC") ? ENOSPC : EIO, persist && *persist == '1');
}

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

static enum verdict judge(unsigned op, const char *path) {
    if (!strstr(path, state->pattern) || !(op & state->ops)) return GO;
    long number = atomic_fetch_add(&state->count, 1) + 1;
    if (number <= TRACED) {
        size_t length = strlen(path);
        state->trace[number - 1].op = (int)op;
        snprintf(state->trace[number - 1].path, PATH_BYTES, "%s",
                 path + (length < PATH_BYTES ? 0 : length - PATH_BYTES + 1));
    }
    int now = number == state->nth || (state->persist && state->nth && number > state->nth);
    if (!now || state->action == COUNT) return GO;
    atomic_fetch_add(&state->fired, 1);
    switch (state->action) {
    case FAIL: errno = state->error; return REFUSE;
    case SHORT:
        /* As on a disk that fills up: what comes after the short write is refused. */
        if (op == WRITE && number == state->nth) return HALF;
        errno = state->error;
        return REFUSE;
    case KILL_BEFORE: die(); return GO;
    case KILL_TORN: return op == WRITE ? DIE_HALF : DIE_AFTER;
    default: return DIE_AFTER;
    }
}

static int idle(void) { return !state || state->pid != getpid(); }

/* -- the log ------------------------------------------------------------------------- */

enum kind {
    L_WRITE = 1, L_SIZE, L_SYNC_BEGIN, L_SYNC_END, L_WHOLE, L_CREATE, L_RENAME, L_LINK, L_UNLINK,
    L_MKDIR, L_RMDIR, L_NOTE
};

/* What is before a record's two texts (paths) and its data. */
struct record {
    uint32_t kind, durable; /* durable: written through a descriptor that syncs each write */
    uint64_t inode, offset, length;
    uint32_t text, other;
};

static int logging(void) { return !idle() && state->action == LOG; }

static void put(struct record r, const char *text, const char *other, const void *data) {
    r.text = text ? (uint32_t)strlen(text) : 0;
    r.other = other ? (uint32_t)strlen(other) : 0;
    struct iovec pieces[4] = {{&r, sizeof r}, {(void *)text, r.text}, {(void *)other, r.other},
                              {(void *)data, data ? r.length : 0}};
    int saved = errno;
    (void)!syscall(SYS_writev, state->log, pieces, 4); /* whole: it is opened to append */
    errno = saved;
}

static int path_of(int fd, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, 4095);
    path[n < 0 ? 0 : n] = 0;
    return strstr(path, state->pattern) != NULL;
}

static void full_path(int folder, const char *path, char *full) {
    *full = 0;
    if (*path != '/') {
        if (folder == AT_FDCWD)
            (void)!getcwd(full, 4096);
        else
            path_of(folder, full);
        strcat(full, "/");
    }
    strncat(full, path, 4000);
}

/* Begin a record of an operation on a descriptor; 0 where it is none of ours. */
static int about(int fd, struct record *r) {
    char path[4096];
    struct stat status;
    int saved = errno;
    int ours = logging() && path_of(fd, path) && !fstat(fd, &status);
    if (ours) {
        int flags = fcntl(fd, F_GETFL);
        *r = (struct record){.inode = status.st_ino, .length = (uint64_t)status.st_size,
                             .durable = flags != -1 && (flags & O_DSYNC)};
    }
    errno = saved;
    return ours;
}

static void log_written(int fd, const void *data, ssize_t n, off64_t at) {
    struct record r;
    if (n <= 0 || !about(fd, &r)) return;
    r.kind = L_WRITE;
    r.offset = (uint64_t)(at >= 0 ? at : lseek64(fd, 0, SEEK_CUR) - n);
    r.length = (uint64_t)n;
    put(r, NULL, NULL, data);
}

static void log_pieces(int fd, const struct iovec *v, int count, ssize_t n, off64_t at) {
    if (n <= 0 || !logging()) return;
    if (at < 0) at = lseek64(fd, 0, SEEK_CUR) - n;
    for (int i = 0; i < count && n > 0; i++) {
        ssize_t some = (ssize_t)v[i].iov_len < n ? (ssize_t)v[i].iov_len : n;
        log_written(fd, v[i].iov_base, some, at);
        at += some;
        n -= some;
    }
}

static void log_size(int fd) {
    struct record r;
    if (!about(fd, &r)) return;
    r.kind = L_SIZE;
    r.offset = r.length;
    r.length = 0;
    put(r, NULL, NULL, NULL);
}

static void log_whole(int fd) {
    struct record r;
    if (!about(fd, &r)) return;
    r.kind = L_WHOLE;
    char *data = malloc(r.length + 1);
    if (!data) return;
    ssize_t n = pread64(fd, data, r.length, 0);
    r.length = n < 0 ? 0 : (uint64_t)n;
    put(r, NULL, NULL, data);
    free(data);
}

/* Files mapped for writing: what is stored through a map is seen when it is synced. */
#define MAPS 64
static struct { char *at; size_t length; uint64_t inode; int fd; } maps[MAPS];

static void log_sync(int fd, enum kind kind) {
    struct record r;
    if (!about(fd, &r)) return;
    if (kind == L_SYNC_BEGIN)
        for (int i = 0; i < MAPS; i++)
            if (maps[i].at && maps[i].inode == r.inode) {
                log_whole(maps[i].fd);
                break;
            }
    r.kind = kind;
    r.length = 0;
    put(r, NULL, NULL, NULL);
}

static void log_names(enum kind kind, int da, const char *a, int db, const char *b) {
    if (!logging()) return;
    char from[8200], to[8200];
    int saved = errno;
    full_path(da, a, from);
    if (b) full_path(db, b, to);
    if (strstr(from, state->pattern)) {
        struct stat status;
        struct record r = {.kind = kind};
        if (!lstat(b ? to : from, &status)) r.inode = status.st_ino;
        put(r, from, b ? to : NULL, NULL);
    }
    errno = saved;
}

void shim_log(const char *pattern, const char *path) {
    shut();
    state->log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    shim_arm(pattern, 0, 0, LOG, 0, 0);
}

void shim_note(const char *text) {
    if (logging()) put((struct record){.kind = L_NOTE}, text, NULL, NULL);
}

/* -- what every operation passes through ---------------------------------------------- */

static enum verdict judge_path(unsigned op, int folder, const char *path) {
    if (idle()) return GO;
    char full[4096 + 600];
    if (*path == '/' || folder == AT_FDCWD) return judge(op, path);
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
    ssize_t n = readlink(link, full, 4096);
    if (n < 0) n = 0;
    snprintf(full + n, 600, "/%s", path);
    return judge(op, full);
}

static enum verdict judge_fd(unsigned op, int fd) {
    if (idle()) return GO;
    int saved = errno;
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    errno = saved;
    if (n < 0) return GO;
    path[n] = 0;
    return judge(op, path);
}

#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

/* Run `call` as the verdict says; `less` does half of it. */
#define RULED(verdict, type, call, less, logged) \
    if (logging()) { \
        type done_ = call; \
        if (done_ >= 0) { \
            logged; \
        } \
        return done_; \
    } \
    switch (verdict) { \
    case REFUSE: return -1; \
    case HALF: return less; \
    case DIE_HALF: (void)!(less); die(); return -1; \
    case DIE_AFTER: { \
        type done_ = call; \
        die(); \
        return done_; \
    } \
    default: return call; \
    }

ssize_t write(int fd, const void *data, size_t n) {
    REAL(write);
    RULED(judge_fd(WRITE, fd), ssize_t, real(fd, data, n), real(fd, data, n / 2),
          log_written(fd, data, done_, -1))
}
ssize_t pwrite(int fd, const void *data, size_t n, off_t at) {
    REAL(pwrite);
    RULED(judge_fd(WRITE, fd), ssize_t, real(fd, data, n, at), real(fd, data, n / 2, at),
          log_written(fd, data, done_, at))
}
ssize_t pwrite64(int fd, const void *data, size_t n, off64_t at) {
    REAL(pwrite64);
    RULED(judge_fd(WRITE, fd), ssize_t, real(fd, data, n, at), real(fd, data, n / 2, at),
          log_written(fd, data, done_, at))
}

/* Half of several pieces: half of the first half of them. */
static ssize_t some_of(int fd, const struct iovec *pieces, int count, off64_t at, int placed) {
    struct iovec few[1024];
    int n = count / 2 ? count / 2 : 1;
    memcpy(few, pieces, (size_t)n * sizeof *few);
    few[n - 1].iov_len /= 2;
    static ssize_t (*placed_write)(int, const struct iovec *, int, off64_t);
    static ssize_t (*plain_write)(int, const struct iovec *, int);
    if (!placed_write) *(void **)&placed_write = dlsym(RTLD_NEXT, "pwritev64");
    if (!plain_write) *(void **)&plain_write = dlsym(RTLD_NEXT, "writev");
    return placed ? placed_write(fd, few, n, at) : plain_write(fd, few, n);
}

ssize_t writev(int fd, const struct iovec *v, int n) {
    REAL(writev);
    RULED(judge_fd(WRITE, fd), ssize_t, real(fd, v, n), some_of(fd, v, n, 0, 0),
          log_pieces(fd, v, n, done_, -1))
}
ssize_t pwritev(int fd, const struct iovec *v, int n, off_t at) {
    REAL(pwritev);
    RULED(judge_fd(WRITE, fd), ssize_t, real(fd, v, n, at), some_of(fd, v, n, at, 1),
          log_pieces(fd, v, n, done_, at))
}
ssize_t pwritev64(int fd, const struct iovec *v, int n, off64_t at) {
    REAL(pwritev64);
    RULED(judge_fd(WRITE, fd), ssize_t, real(fd, v, n, at), some_of(fd, v, n, at, 1),
          log_pieces(fd, v, n, done_, at))
}
ssize_t sendfile(int out, int in, off_t *at, size_t n);
ssize_t sendfile(int out, int in, off_t *at, size_t n) {
    REAL(sendfile);
    RULED(judge_fd(WRITE, out), ssize_t, real(out, in, at, n), real(out, in, at, n / 2),
          log_whole(out))
}
ssize_t sendfile64(int out, int in, off64_t *at, size_t n);
ssize_t sendfile64(int out, int in, off64_t *at, size_t n) {
    REAL(sendfile64);
    RULED(judge_fd(WRITE, out), ssize_t, real(out, in, at, n), real(out, in, at, n / 2),
          log_whole(out))
}
ssize_t copy_file_range(int in, off64_t *from, int out, off64_t *to, size_t n, unsigned flags) {
    REAL(copy_file_range);
    RULED(judge_fd(WRITE, out), ssize_t, real(in, from, out, to, n, flags),
          real(in, from, out, to, n / 2, flags), log_whole(out))
}

#define PLAIN(op, name, arguments, passed, judged, before, logged) \
    int name arguments { \
        REAL(name); \
        if (logging()) { \
            before; \
        } \
        enum verdict verdict_ = judged; \
        RULED(verdict_, int, real passed, -1, logged) \
    }
#define NOTHING (void)0

PLAIN(FSYNC, fsync, (int fd), (fd), judge_fd(FSYNC, fd), log_sync(fd, L_SYNC_BEGIN),
      log_sync(fd, L_SYNC_END))
PLAIN(FSYNC, fdatasync, (int fd), (fd), judge_fd(FSYNC, fd), log_sync(fd, L_SYNC_BEGIN),
      log_sync(fd, L_SYNC_END))
PLAIN(FSYNC, syncfs, (int fd), (fd), judge_fd(FSYNC, fd), NOTHING, NOTHING)
PLAIN(FSYNC, sync_file_range, (int fd, off64_t at, off64_t n, unsigned flags), (fd, at, n, flags),
      judge_fd(FSYNC, fd), NOTHING, NOTHING)
static void log_map_sync(char *at, enum kind kind) {
    for (int i = 0; i < MAPS; i++)
        if (maps[i].at && maps[i].at <= at && at < maps[i].at + maps[i].length)
            log_sync(maps[i].fd, kind);
}
PLAIN(FSYNC, msync, (void *at, size_t n, int flags), (at, n, flags),
      idle() ? GO : judge(FSYNC, "map"), log_map_sync(at, L_SYNC_BEGIN),
      log_map_sync(at, L_SYNC_END))
PLAIN(TRUNCATE, ftruncate, (int fd, off_t n), (fd, n), judge_fd(TRUNCATE, fd), NOTHING,
      log_size(fd))
PLAIN(TRUNCATE, ftruncate64, (int fd, off64_t n), (fd, n), judge_fd(TRUNCATE, fd), NOTHING,
      log_size(fd))
PLAIN(TRUNCATE, fallocate, (int fd, int mode, off_t at, off_t n), (fd, mode, at, n),
      judge_fd(TRUNCATE, fd), NOTHING, log_size(fd))
PLAIN(TRUNCATE, fallocate64, (int fd, int mode, off64_t at, off64_t n), (fd, mode, at, n),
      judge_fd(TRUNCATE, fd), NOTHING, log_size(fd))

static void remember_map(char *at, size_t length, int protection, int flags, int fd) {
    struct record r;
    if (at == MAP_FAILED || !(protection & PROT_WRITE) || !(flags & MAP_SHARED) || fd < 0) return;
    if (!about(fd, &r)) return;
    for (int i = 0; i < MAPS; i++)
        if (!maps[i].at) {
            maps[i].inode = r.inode;
            maps[i].length = length;
            maps[i].fd = fcntl(fd, F_DUPFD_CLOEXEC, 100);
            maps[i].at = at;
            return;
        }
}
#define MAP(name, off) \
    void *name(void *at, size_t n, int protection, int flags, int fd, off where) { \
        REAL(name); \
        void *mapped = real(at, n, protection, flags, fd, where); \
        remember_map(mapped, n, protection, flags, fd); \
        return mapped; \
    }
MAP(mmap, off_t)
MAP(mmap64, off64_t)
int munmap(void *at, size_t n) {
    REAL(munmap);
    if (logging())
        for (int i = 0; i < MAPS; i++)
            if (maps[i].at == at) {
                log_whole(maps[i].fd); /* not durable, but written */
                close(maps[i].fd);
                maps[i].at = NULL;
            }
    return real(at, n);
}

/* These return the error instead of setting it. */
#define ALLOCATE(name, off) \
    int name(int fd, off at, off n) { \
        REAL(name); \
        enum verdict verdict_ = judge_fd(TRUNCATE, fd); \
        if (verdict_ == REFUSE) return errno; \
        int done_ = real(fd, at, n); \
        if (!done_) log_size(fd); \
        if (verdict_ == DIE_AFTER) die(); \
        return done_; \
    }
ALLOCATE(posix_fallocate, off_t)
ALLOCATE(posix_fallocate64, off64_t)

PLAIN(RENAME, rename, (const char *a, const char *b), (a, b), judge_path(RENAME, AT_FDCWD, b),
      NOTHING, log_names(L_RENAME, AT_FDCWD, a, AT_FDCWD, b))
PLAIN(RENAME, renameat, (int da, const char *a, int db, const char *b), (da, a, db, b),
      judge_path(RENAME, db, b), NOTHING, log_names(L_RENAME, da, a, db, b))
PLAIN(RENAME, renameat2, (int da, const char *a, int db, const char *b, unsigned flags),
      (da, a, db, b, flags), judge_path(RENAME, db, b), NOTHING,
      log_names(L_RENAME, da, a, db, b))
PLAIN(RENAME, link, (const char *a, const char *b), (a, b), judge_path(RENAME, AT_FDCWD, b),
      NOTHING, log_names(L_LINK, AT_FDCWD, a, AT_FDCWD, b))
PLAIN(UNLINK, unlink, (const char *path), (path), judge_path(UNLINK, AT_FDCWD, path), NOTHING,
      log_names(L_UNLINK, AT_FDCWD, path, 0, NULL))
PLAIN(UNLINK, unlinkat, (int folder, const char *path, int flags), (folder, path, flags),
      judge_path(UNLINK, folder, path), NOTHING,
      log_names(flags & AT_REMOVEDIR ? L_RMDIR : L_UNLINK, folder, path, 0, NULL))
PLAIN(UNLINK, rmdir, (const char *path), (path), judge_path(UNLINK, AT_FDCWD, path), NOTHING,
      log_names(L_RMDIR, AT_FDCWD, path, 0, NULL))
/* Nothing is made where the folder is there, so nothing can fail for lack of room. */
static enum verdict judge_mkdir(int folder, const char *path) {
    int saved = errno, there = idle() || faccessat(folder, path, F_OK, 0) == 0;
    errno = saved;
    return there ? GO : judge_path(MKDIR, folder, path);
}

PLAIN(MKDIR, mkdir, (const char *path, mode_t mode), (path, mode), judge_mkdir(AT_FDCWD, path),
      NOTHING, log_names(L_MKDIR, AT_FDCWD, path, 0, NULL))
PLAIN(MKDIR, mkdirat, (int folder, const char *path, mode_t mode), (folder, path, mode),
      judge_mkdir(folder, path), NOTHING, log_names(L_MKDIR, folder, path, 0, NULL))

/* Opening counts where it makes the file. */
static int creates(int flags, int folder, const char *path) {
    return (flags & O_CREAT) && !idle() && faccessat(folder, path, F_OK, 0) != 0;
}

static mode_t mode_of(int flags, va_list rest) {
    return flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0;
}

#define OPEN(name, before, folder, passed) \
    int name(before const char *path, int flags, ...) { \
        REAL(name); \
        va_list rest; \
        va_start(rest, flags); \
        mode_t mode = mode_of(flags, rest); \
        va_end(rest); \
        int saved = errno, new_ = creates(flags, folder, path); \
        enum verdict verdict_ = new_ && !logging() ? judge_path(CREATE, folder, path) : GO; \
        if (verdict_ != REFUSE) errno = saved; \
        RULED(verdict_, int, real passed, -1, \
              new_ ? log_names(L_CREATE, folder, path, 0, NULL) \
                   : flags & O_TRUNC ? log_size(done_) : (void)0) \
    }
#define FOLDER int where,
OPEN(open, , AT_FDCWD, (path, flags, mode))
OPEN(open64, , AT_FDCWD, (path, flags, mode))
OPEN(openat, FOLDER, where, (where, path, flags, mode))
OPEN(openat64, FOLDER, where, (where, path, flags, mode))
