/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dtgov-hook [--registry DIR] [--runtime NAME]: an OCI hook for createRuntime (or prestart) and
 * poststop. A hook that fails or lingers stops the start of a container (runtime-spec,
 * "Lifecycle"), so this one always exits with 0, in bounded time, whatever it is fed and whatever
 * goes wrong. It is given no "timeout" in config.json: on an overloaded host that would turn
 * slowness into failed starts.
 *
 * What it is told, it is told by config.json, which root writes. The environment may be that of a
 * container image and is thrown away.
 */
#include "hooks/hook.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define REGISTRY_DIR "/run/dtgov/containers"
#define LIFE_SEC     30 /* for all of it; a few milliseconds is usual, where a CPU is to be had */
#define CPU_SEC      1
#define HEAP_SIZE    (4 * MIB)

#ifndef __SANITIZE_ADDRESS__
/*
 * The hook's malloc: it never gives anything back, since the process ends within milliseconds, and
 * it bounds the memory that a hostile state can make it take. Besides, the pages that glibc's
 * touches cost about as much as parsing the state.
 */
static max_align_t heap_small[128 * KIB / sizeof(max_align_t)];
static max_align_t *heap = heap_small, *heap_end = heap_small + ARRAY_LEN(heap_small);
static bool heap_is_large;

/* For what does not fit: 64 KiB of "0,0,0" make 3 MiB of tree. As static room it would be large
 * enough for a huge page, which every start of the hook would pay for. */
static bool heap_enlarge(void) {
        void *room;

        if (heap_is_large)
                return false;
        room = mmap(NULL, HEAP_SIZE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (room == MAP_FAILED)
                return false;
        heap_is_large = true;
        heap = room;
        heap_end = heap + HEAP_SIZE / sizeof(*heap);
        return true;
}

static void *take(size_t size) {
        /* One element before each piece holds its size, for realloc(). */
        size_t count = size / sizeof(max_align_t) + 2;
        max_align_t *piece;

        if (count > (size_t)(heap_end - heap) &&
                        (!heap_enlarge() || count > (size_t)(heap_end - heap))) {
                errno = ENOMEM;
                return NULL;
        }
        piece = heap;
        heap += count;
        memcpy(piece, &size, sizeof(size));
        return piece + 1;
}

void *malloc(size_t size) {
        return take(size);
}

void free(void *pointer) {
        (void)pointer;
}

void *calloc(size_t count, size_t size) {
        size_t total;
        void *room;

        if (__builtin_mul_overflow(count, size, &total)) {
                errno = ENOMEM;
                return NULL;
        }
        room = take(total); /* malloc() and memset() would be made this very function */
        return room ? memset(room, 0, total) : NULL;
}

/* What the newest piece no longer needs is there for the next: a page that is touched is dear. */
void *realloc(void *pointer, size_t size) {
        max_align_t *piece;
        size_t before;
        void *moved;

        if (!pointer)
                return take(size);
        piece = (max_align_t *)pointer - 1;
        memcpy(&before, piece, sizeof(before));
        if (size <= before) {
                if (piece + before / sizeof(*piece) + 2 == heap) {
                        heap = piece + size / sizeof(*piece) + 2;
                        memcpy(piece, &size, sizeof(size));
                }
                return pointer;
        }
        moved = take(size);
        if (moved)
                memcpy(moved, pointer, before);
        return moved;
}
#endif

static void leave(int signal) {
        (void)signal;
        _exit(0);
}

/* Nothing that can kill it may show as a failed hook. */
static void arm_deadline(void) {
        static const int deadly[] = { SIGALRM, SIGXCPU, SIGSEGV, SIGBUS, SIGABRT, SIGTERM, SIGHUP,
                SIGINT, SIGQUIT, SIGPIPE, SIGILL, SIGTRAP, SIGFPE, SIGSYS };
        const struct sigaction action = { .sa_handler = leave }, ignore = { .sa_handler = SIG_IGN };
        const struct rlimit cpu = { CPU_SEC, CPU_SEC + 1 }, none = { 0, 0 };
        sigset_t open;

        for (size_t i = 0; i < ARRAY_LEN(deadly); i++)
                (void)sigaction(deadly[i], &action, NULL);
        /* A write beyond the limit then fails, and what was begun is removed again. */
        (void)sigaction(SIGXFSZ, &ignore, NULL);
        /* runtimes call hooks with signals blocked, and a mask survives exec. */
        (void)sigemptyset(&open);
        (void)sigprocmask(SIG_SETMASK, &open, NULL);
        (void)setrlimit(RLIMIT_CPU, &cpu);
        (void)setrlimit(RLIMIT_CORE, &none);
        (void)alarm(LIFE_SEC);
}

int main(int argc, char **argv) {
        struct hook_paths paths = {
                .proc = "/proc",
                .cgroup = "/sys/fs/cgroup",
                .registry = REGISTRY_DIR,
                .cgroup_type = CGROUP2_SUPER_MAGIC,
                .parent = getppid(),
        };
        char *state, *fit;
        ssize_t len;

        (void)clearenv();
        /* runc leaks its caller's descriptors into hooks. */
        (void)close_range(3, ~0U, 0);
        arm_deadline();
        hook_take_arguments(&paths, argc, (const char *const *)argv);

        state = malloc(HOOK_STATE_MAX + 1);
        if (!state)
                _exit(0);
        len = hook_read_state(STDIN_FILENO, state, HOOK_STDIN_NS);
        if (len > 0) {
                fit = realloc(state, (size_t)len + 1);
                (void)hook_run(&paths, fit ? fit : state, (size_t)len);
        }
        _exit(0);
}
