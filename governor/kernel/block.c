/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/kernel/block.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "governor/kernel/cgroup.h"
#include "state/file.h"

#define DEVICES_MAX  64
#define DEVICES_SHOW 3 /* are named to people */

/* "8:0" at the beginning of a line; false: it is none. */
static bool read_device(const char *line, char ret[static IO_DEVICE_SIZE]) {
        size_t len = strspn(line, "0123456789:");

        if (len == 0 || len >= IO_DEVICE_SIZE || !memchr(line, ':', len) ||
                        (line[len] != ' ' && line[len] != '\n' && line[len] != '\0'))
                return false;
        memcpy(ret, line, len);
        ret[len] = '\0';
        return true;
}

/* Whether the text has a line of that device, or of any ("") with that word. */
static bool has_line(const char *text, const char *device, const char *word) {
        while (*text != '\0') {
                const char *end = strchrnul(text, '\n'), *at = strstr(text, word);
                char one[IO_DEVICE_SIZE];

                if (at && at < end && read_device(text, one) &&
                                (device[0] == '\0' || strcmp(one, device) == 0))
                        return true;
                text = end + (*end == '\n');
        }
        return false;
}

static bool is_bfq(int sys_fd, const char *disk) {
        char path[64], text[256];

        (void)snprintf(path, sizeof(path), "%s/queue/scheduler", disk);
        return file_read_at(sys_fd, path, text, sizeof(text)) > 0 && strstr(text, "[bfq]");
}

/* Of any disk. */
static bool any_bfq(int sys_fd) {
        int fd = openat(sys_fd, "block", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *dir = fd < 0 ? NULL : fdopendir(fd);
        const struct dirent *item;
        bool found = false;

        if (!dir) {
                closep(&fd);
                return false;
        }
        while (!found && (item = readdir(dir)) != NULL) {
                char disk[48];

                if (item->d_name[0] == '.' || strlen(item->d_name) > 40)
                        continue;
                (void)snprintf(disk, sizeof(disk), "block/%s", item->d_name);
                found = is_bfq(sys_fd, disk);
        }
        (void)closedir(dir);
        return found;
}

static void name(struct io_weighing *io, const char *device, unsigned position) {
        size_t at = strlen(io->devices);

        if (position <= DEVICES_SHOW)
                (void)snprintf(io->devices + at, sizeof(io->devices) - at, "%s%s",
                                position > 0 ? ", " : "", position < DEVICES_SHOW ? device : "...");
}

void block_weighing(int root_fd, int sys_fd, int dir_fd, struct io_weighing *ret) {
        char qos[CGROUP_FILE_MAX] = "", stat[CGROUP_FILE_MAX] = "";
        unsigned devices = 0;

        *ret = (struct io_weighing){ 0 };
        if (cgroup_read(root_fd, "io.cost.qos", qos, sizeof(qos)) < 0)
                qos[0] = '\0';
        if (cgroup_read(dir_fd, "io.stat", stat, sizeof(stat)) < 0)
                stat[0] = '\0';
        for (const char *line = stat; *line != '\0' && devices < DEVICES_MAX;) {
                char device[IO_DEVICE_SIZE], disk[48];

                if (read_device(line, device)) {
                        name(ret, device, devices++);
                        (void)snprintf(disk, sizeof(disk), "dev/block/%s", device);
                        ret->iocost = ret->iocost || has_line(qos, device, " enable=1");
                        ret->bfq = ret->bfq || is_bfq(sys_fd, disk);
                }
                line = strchrnul(line, '\n');
                line += *line == '\n';
        }
        if (devices > 0)
                return;
        ret->iocost = has_line(qos, "", " enable=1");
        ret->bfq = any_bfq(sys_fd);
}

/* "dev/block/8:0" and what is below it. */
static bool is_there(int sys_fd, const char *device, const char *below) {
        char path[64];

        (void)snprintf(path, sizeof(path), "dev/block/%s%s", device, below);
        return faccessat(sys_fd, path, F_OK, 0) == 0;
}

/* The disk of a partition; "": it is none. */
static void find_whole(int sys_fd, const char *device, char ret[static IO_DEVICE_SIZE]) {
        char path[64], text[IO_DEVICE_SIZE + 1];

        ret[0] = '\0';
        if (!is_there(sys_fd, device, "/partition"))
                return;
        (void)snprintf(path, sizeof(path), "dev/block/%s/../dev", device);
        if (file_read_at(sys_fd, path, text, sizeof(text)) < 0 || !read_device(text, ret))
                (void)snprintf(ret, IO_DEVICE_SIZE, "?");
}

/* Whether a line of /proc/swaps is of that disk: a partition of it, or a file on one. */
static bool is_swap_on(int sys_fd, const char *line, const char *disk) {
        char path[256], device[IO_DEVICE_SIZE], whole[IO_DEVICE_SIZE];
        size_t len = strcspn(line, " \t");
        struct stat st;
        dev_t on;

        if (line[0] != '/' || len >= sizeof(path))
                return false;
        memcpy(path, line, len);
        path[len] = '\0';
        if (stat(path, &st) < 0)
                return false;
        on = S_ISBLK(st.st_mode) ? st.st_rdev : st.st_dev;
        (void)snprintf(device, sizeof(device), "%u:%u", major(on), minor(on));
        find_whole(sys_fd, device, whole);
        return strcmp(whole[0] ? whole : device, disk) == 0;
}

void block_disk(int proc_fd, int sys_fd, uint64_t key, struct io_disk *ret) {
        char device[IO_DEVICE_SIZE], swaps[CGROUP_FILE_MAX];

        *ret = (struct io_disk){ 0 };
        io_key_device(key, device);
        ret->present = is_there(sys_fd, device, "");
        find_whole(sys_fd, device, ret->whole);
        if (file_read_at(proc_fd, "swaps", swaps, sizeof(swaps)) < 0)
                return;
        for (const char *line = swaps; line && !ret->swap; line = strchr(line, '\n')) {
                line += *line == '\n';
                ret->swap = is_swap_on(sys_fd, line, device);
        }
}

int block_lies_on_another(int sys_fd, uint64_t key) {
        char device[IO_DEVICE_SIZE];

        io_key_device(key, device);
        if (!is_there(sys_fd, device, ""))
                return -ENOENT;
        return is_there(sys_fd, device, "/partition") || is_there(sys_fd, device, "/dm");
}

void block_node(int sys_fd, uint64_t key, char ret[static BLOCK_NODE_SIZE]) {
        char device[IO_DEVICE_SIZE], path[64], text[1024];
        const char *name = NULL;

        io_key_device(key, device);
        (void)snprintf(path, sizeof(path), "dev/block/%s/uevent", device);
        if (file_read_at(sys_fd, path, text, sizeof(text)) > 0)
                name = strstr(text, "DEVNAME=");
        if (name && (name == text || name[-1] == '\n'))
                name += strlen("DEVNAME=");
        else
                name = NULL;
        if (!name || strcspn(name, "\n") >= BLOCK_NODE_SIZE - strlen("/dev/"))
                (void)snprintf(ret, BLOCK_NODE_SIZE, "/dev/block/%s", device);
        else
                (void)snprintf(ret, BLOCK_NODE_SIZE, "/dev/%.*s", (int)strcspn(name, "\n"), name);
}
