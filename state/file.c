/* SPDX-License-Identifier: Apache-2.0 */
#include "state/file.h"

#include "state/text.h"

#include <fcntl.h>
#include <stdio.h>

ssize_t file_read_fd(int fd, char *buf, size_t size) {
        size_t used = 0;

        for (;;) {
                ssize_t n = read(fd, buf + used, size - used);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                used += (size_t)n;
                if (used == size)
                        return -EFBIG;
        }
        buf[used] = '\0';
        return (ssize_t)used;
}

ssize_t file_read_at(int dir_fd, const char *name, char *buf, size_t size) {
        CLEANUP(closep) int fd = -1;

        fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
        if (fd < 0)
                return -errno;
        return file_read_fd(fd, buf, size);
}

int file_load_at(int dir_fd, const char *name, size_t max, char **ret, size_t *ret_len) {
        CLEANUP(closep) int fd = -1;
        CLEANUP(freep) char *buf = NULL;
        struct stat st;
        ssize_t n;

        fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EMEDIUMTYPE;
        if (st.st_size < 0 || (uint64_t)st.st_size > max)
                return -EFBIG;

        /* One byte more than the file has now shows when it grew meanwhile. */
        buf = malloc((size_t)st.st_size + 2);
        if (!buf)
                return -ENOMEM;
        n = file_read_fd(fd, buf, (size_t)st.st_size + 2);
        if (n < 0)
                return (int)n;

        *ret_len = (size_t)n;
        *ret = TAKE(buf);
        return 0;
}

int file_write_all(int fd, const void *data, size_t len) {
        const char *p = data;

        while (len > 0) {
                ssize_t n = write(fd, p, len);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                p += n;
                len -= (size_t)n;
        }
        return 0;
}

int file_create_at(int dir_fd, const char *name, const void *data, size_t len, mode_t mode) {
        CLEANUP(closep)
        int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
        int r;

        if (fd < 0)
                return -errno;
        r = file_write_all(fd, data, len);
        if (r < 0)
                (void)unlinkat(dir_fd, name, 0);
        return r;
}

int file_temp_name(const char *name, char *out, size_t size) {
        size_t used;

        used = text_append(out, size, 0, ".");
        used = text_append(out, size, used, name);
        used = text_append(out, size, used, ".");
        used = text_append_u64(out, size, used, (uint64_t)getpid());
        return used >= size ? -ENAMETOOLONG : 0;
}

/* What the new file is to be. */
struct manner {
        mode_t mode;             /* when it is made */
        const struct stat *like; /* whose owner and mode it then gets, or NULL */
        bool durable;
};

static int replace(int dir_fd, const char *name, const void *data, size_t len,
                const struct manner *how) {
        CLEANUP(closep) int fd = -1;
        char temp[300];
        const int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
        int r;

        r = file_temp_name(name, temp, sizeof(temp));
        if (r < 0)
                return r;
        fd = openat(dir_fd, temp, flags, how->mode);
        if (fd < 0 && errno == EEXIST) {
                /* Left by a process of that number that was killed. */
                (void)unlinkat(dir_fd, temp, 0);
                fd = openat(dir_fd, temp, flags, how->mode);
        }
        if (fd < 0)
                return -errno;

        r = file_write_all(fd, data, len);
        if (r == 0 && how->like &&
                        (fchown(fd, how->like->st_uid, how->like->st_gid) < 0 ||
                                        fchmod(fd, how->like->st_mode & 07777) < 0))
                r = -errno;
        if (r == 0 && how->durable && fsync(fd) < 0)
                r = -errno;
        if (r == 0 && renameat(dir_fd, temp, dir_fd, name) < 0)
                r = -errno;
        if (r < 0) {
                (void)unlinkat(dir_fd, temp, 0);
                return r;
        }
        if (how->durable && fsync(dir_fd) < 0)
                return -errno;
        return 0;
}

int file_replace_at(int dir_fd, const char *name, const void *data, size_t len, mode_t mode,
                bool durable) {
        return replace(dir_fd, name, data, len,
                        &(struct manner){ .mode = mode, .durable = durable });
}

int file_replace_like_at(int dir_fd, const char *name, const void *data, size_t len,
                const struct stat *like, bool durable) {
        return replace(dir_fd, name, data, len,
                        &(struct manner){ .mode = 0600, .like = like, .durable = durable });
}
