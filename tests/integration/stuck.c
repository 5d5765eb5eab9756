/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process whose arguments lie on a page of a file whose server never gives it: whoever reads its
 * command line waits for good, or gets nothing since Linux 4.17. The server is the parent.
 *
 *     stuck DIR     mounts there; the child works as hard as it can, as "stuck-for-good"; as root
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_NODE 2
#define PAGE      4096

static void die(const char *what) {
        perror(what);
        _exit(1);
}

static void answer(
                int fd, const struct fuse_in_header *in, int error, const void *body, size_t len) {
        struct {
                struct fuse_out_header head;
                char body[256];
        } out = { .head = { .error = error, .unique = in->unique } };

        out.head.len = (uint32_t)(sizeof(out.head) + len);
        memcpy(out.body, body, len);
        if (write(fd, &out, out.head.len) < 0 && errno != ENOENT)
                die("answer");
}

static struct fuse_attr attributes(uint64_t node) {
        return (struct fuse_attr){ .ino = node,
                .size = PAGE,
                .blksize = PAGE,
                .nlink = 1,
                .mode = node == FILE_NODE ? S_IFREG | 0444 : S_IFDIR | 0555 };
}

static void serve_one(int fd, const struct fuse_in_header *in) {
        struct fuse_init_out init = {
                .major = FUSE_KERNEL_VERSION, .minor = FUSE_KERNEL_MINOR_VERSION, .max_write = PAGE
        };
        struct fuse_entry_out entry = { .nodeid = FILE_NODE, .attr = attributes(FILE_NODE) };
        struct fuse_attr_out attr = { .attr_valid = 1000, .attr = attributes(in->nodeid) };
        struct fuse_open_out opened = { .fh = 1 };

        switch (in->opcode) {
        case FUSE_INIT:
                answer(fd, in, 0, &init, sizeof(init));
                break;
        case FUSE_LOOKUP:
                answer(fd, in, 0, &entry, sizeof(entry));
                break;
        case FUSE_GETATTR:
                answer(fd, in, 0, &attr, sizeof(attr));
                break;
        case FUSE_OPEN:
                answer(fd, in, 0, &opened, sizeof(opened));
                break;
        case FUSE_READ: /* this is it */
        case FUSE_FORGET:
        case FUSE_BATCH_FORGET:
        case FUSE_INTERRUPT:
                break;
        default:
                answer(fd, in, -ENOSYS, "", 0);
        }
}

static _Noreturn void serve(int fd) {
        _Alignas(8) static char request[FUSE_MIN_READ_BUFFER + PAGE];

        for (;;)
                if (read(fd, request, sizeof(request)) > 0)
                        serve_one(fd, (const struct fuse_in_header *)request);
                else if (errno != EINTR && errno != EAGAIN && errno != ENOENT)
                        die("requests");
}

static _Noreturn void work(const char *path) {
        volatile unsigned long n = 0;
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        char *page = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);

        if (fd < 0 || page == MAP_FAILED)
                die(path);
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (prctl(PR_SET_MM, PR_SET_MM_ARG_START, page, 0, 0) < 0 ||
                        prctl(PR_SET_MM, PR_SET_MM_ARG_END, page + 64, 0, 0) < 0)
                die("PR_SET_MM");
        (void)prctl(PR_SET_NAME, "stuck-for-good"); /* from here on it is */
        for (;;)
                n++;
}

int main(int argc, char **argv) {
        char options[96], path[256];
        int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

        if (argc != 2 || fd < 0)
                die("/dev/fuse");
        (void)snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
        (void)snprintf(path, sizeof(path), "%s/page", argv[1]);
        if (mount("stuck", argv[1], "fuse", 0, options) < 0)
                die("mount");
        if (fork() == 0)
                work(path);
        serve(fd);
}
