/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/kernel/block.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

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
