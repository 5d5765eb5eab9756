/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the integration tests need and no shell can do:
 *
 *   peer call SOCKET JSON          sends one message of Varlink, prints the answer
 *   peer raw SOCKET [SECONDS]      sends stdin as it is; prints what comes and "closed after N ms",
 *                                  or "open" when it is still open after SECONDS (10)
 *   peer fds SOCKET COUNT          sends one byte with COUNT descriptors, then as raw
 *   peer many SOCKET COUNT [HOLD]  opens COUNT connections, asks GetInfo on each, prints how many
 *                                  answered; keeps them HOLD s (0)
 *   peer http SOCKET METHOD BODY PATH...   asks all paths at once; prints a status and body a line
 *   peer anon MIB [SECONDS]        touches so much memory and sleeps
 *   peer grow MIB THEN             holds MIB; at SIGUSR1 holds THEN MiB
 *   peer thrash FILE MIB ANON      holds ANON MiB and reads pages of a file of MIB here and there
 *   peer reads DISK KIB MS         reads KIB here and there, past the page cache, each MS
 *   peer forks COUNT               keeps COUNT children, tries again once a second
 *   peer inside PID WHAT [PATH]    makes that process do it: read, write, create, mkdir, rmdir,
 * unlink, exec a path; setuid, socket, fork; prints "ok", an errno, "killed"
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MIB      (1024UL * 1024UL)
#define FDS_MOST 253

/* A whole decimal number, 0 for anything else. */
static int number(const char *text) {
        char *end;
        long value = strtol(text, &end, 10);

        return *end == '\0' ? (int)value : 0;
}

static void die(const char *what) {
        perror(what);
        exit(1);
}

static int open_socket(const char *path) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int type = SOCK_STREAM, fd;

        (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        for (;;) {
                fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
                if (fd < 0)
                        return -1;
                if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
                        return fd;
                (void)close(fd);
                if (errno != EPROTOTYPE || type == SOCK_SEQPACKET)
                        return -1;
                type = SOCK_SEQPACKET;
        }
}

static int connect_to(const char *path) {
        int fd = open_socket(path);

        if (fd < 0)
                die(path);
        return fd;
}

static long now_ms(void) {
        struct timespec t;

        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void send_all(int fd, const char *data, size_t len) {
        while (len > 0) {
                ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

                if (n < 0)
                        return; /* closed on us: what the tests look for */
                data += n;
                len -= (size_t)n;
        }
}

/* One message that ends with NUL; its length, 0 at the end of the stream or after the wait. */
static size_t receive(int fd, char *out, size_t size, int wait_ms) {
        size_t len = 0;

        while (len < size) {
                struct pollfd p = { .fd = fd, .events = POLLIN };
                ssize_t n;

                if (poll(&p, 1, wait_ms) <= 0)
                        return 0;
                n = recv(fd, out + len, size - len, 0);
                if (n <= 0)
                        return 0;
                len += (size_t)n;
                if (out[len - 1] == '\0')
                        return len;
        }
        return len;
}

static char answer[16 * MIB];

static int call(const char *path, const char *json) {
        int fd = connect_to(path);

        send_all(fd, json, strlen(json) + 1);
        if (receive(fd, answer, sizeof(answer), 120000) == 0)
                return 1;
        (void)puts(answer);
        return 0;
}

static int until_closed(int fd, int seconds) {
        long began = now_ms();

        for (;;) {
                struct pollfd p = { .fd = fd, .events = POLLIN };
                long left = seconds * 1000L - (now_ms() - began);
                char buf[4096];
                ssize_t n;

                if (left <= 0 || poll(&p, 1, (int)left) <= 0) {
                        (void)printf("open\n");
                        return 0;
                }
                n = recv(fd, buf, sizeof(buf), 0);
                if (n <= 0) {
                        (void)printf("closed after %ld ms\n", now_ms() - began);
                        return 0;
                }
                (void)fwrite(buf, 1, (size_t)n, stdout);
                (void)putchar('\n');
        }
}

static int raw(const char *path, int seconds) {
        int fd = connect_to(path);
        char buf[65536];
        ssize_t n;

        while ((n = read(STDIN_FILENO, buf, sizeof(buf))) > 0)
                send_all(fd, buf, (size_t)n);
        return until_closed(fd, seconds);
}

static int fds(const char *path, int count) {
        union {
                struct cmsghdr head;
                char space[CMSG_SPACE(sizeof(int) * FDS_MOST)];
        } control = { 0 };
        struct iovec data = { .iov_base = (char[]){ '{' }, .iov_len = 1 };
        struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control };
        struct cmsghdr *head;
        int fd = connect_to(path);

        if (count > FDS_MOST)
                count = FDS_MOST;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)count);
        head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)count);
        for (int i = 0; i < count; i++)
                memcpy(CMSG_DATA(head) + sizeof(int) * (size_t)i, &(int){ STDIN_FILENO },
                                sizeof(int));
        if (sendmsg(fd, &message, MSG_NOSIGNAL) < 0)
                die("sendmsg");
        return until_closed(fd, 10);
}

static int many(const char *path, int count, unsigned hold) {
        static const char ask[] = "{\"method\":\"org.varlink.service.GetInfo\"}";
        int *open = calloc((size_t)count + 1, sizeof(int)), answered = 0;

        for (int i = 0; i < count; i++) {
                open[i] = open_socket(path);
                if (open[i] >= 0)
                        send_all(open[i], ask, sizeof(ask));
        }
        for (int i = 0; i < count; i++)
                if (open[i] >= 0 && receive(open[i], answer, sizeof(answer), 2000) > 0 &&
                                strstr(answer, "\"vendor\""))
                        answered++;
        (void)printf("%d\n", answered);
        (void)fflush(stdout);
        (void)sleep(hold);
        return 0;
}

static void http_one(const char *path, const char *method, const char *body, const char *url) {
        int fd = connect_to(path), status = 0;
        size_t len = 0;
        ssize_t n;
        char *text;

        (void)dprintf(fd,
                        "%s %s HTTP/1.0\r\nHost: docker\r\nContent-Type: application/json\r\n"
                        "Content-Length: %zu\r\n\r\n%s",
                        method, url, strlen(body), body);
        while (len < sizeof(answer) - 1 &&
                        (n = read(fd, answer + len, sizeof(answer) - 1 - len)) > 0)
                len += (size_t)n;
        answer[len] = '\0';
        text = strchr(answer, ' ');
        status = text ? (int)strtol(text, NULL, 10) : 0;
        text = strstr(answer, "\r\n\r\n");
        text = text ? text + 4 : answer + len;
        for (char *at = text; *at; at++)
                if (*at == '\n' || *at == '\r')
                        *at = ' ';
        (void)printf("%d %s\n", status, text);
        (void)fflush(stdout);
}

static int http(const char *path, const char *method, const char *body, char **urls) {
        for (; *urls; urls++)
                if (fork() == 0) {
                        http_one(path, method, body, *urls);
                        exit(0);
                }
        while (wait(NULL) > 0 || errno == EINTR)
                ;
        return 0;
}

static void hold(unsigned long mib) {
        volatile char *memory = mmap(NULL, mib * MIB, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (memory == MAP_FAILED)
                die("mmap");
        for (unsigned long i = 0; i < mib * MIB; i += 4096)
                memory[i] = (char)(i >> 12 | 1);
}

static volatile sig_atomic_t told;

static void on_signal(int signal) {
        (void)signal;
        told = 1;
}

static _Noreturn void grow(unsigned long mib, unsigned long then) {
        struct sigaction action = { .sa_handler = on_signal };

        (void)sigaction(SIGUSR1, &action, NULL);
        hold(mib);
        while (!told)
                (void)sleep(1);
        hold(then - mib);
        for (;;)
                (void)pause();
}

static _Noreturn void thrash(const char *path, unsigned long mib, unsigned long anon) {
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
        char *buf = malloc(MIB);

        if (fd < 0)
                die(path);
        hold(anon);
        if (mib == 0)
                die("want a file of at least 1 MiB");
        memset(buf, 'x', MIB);
        for (unsigned long i = 0; i < mib; i++)
                if (pwrite(fd, buf, MIB, (off_t)(i * MIB)) < 0)
                        die("write");
        (void)fsync(fd);
        (void)posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
        for (;;)
                if (pread(fd, buf, 4096, (off_t)((unsigned long)random() % (mib * 256) * 4096)) < 0)
                        die("read");
}

static _Noreturn void reads(const char *path, unsigned long bytes, unsigned pause_ms) {
        int fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
        off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
        void *buf;

        if (bytes == 0 || size < (off_t)bytes || posix_memalign(&buf, 4096, bytes) != 0)
                die(path);
        srandom((unsigned)getpid());
        for (;;) {
                off_t at = (off_t)(random() % (size / (off_t)bytes)) * (off_t)bytes;

                if (pread(fd, buf, bytes, at) < 0)
                        die("read");
                (void)usleep(pause_ms * 1000);
        }
}

static _Noreturn void forks(int count) {
        int alive = 0;

        (void)signal(SIGTERM, SIG_DFL);
        for (;;) {
                while (alive < count) {
                        pid_t pid = fork();

                        if (pid == 0) {
                                for (;;)
                                        (void)pause();
                        }
                        if (pid < 0)
                                break;
                        alive++;
                }
                (void)sleep(1);
        }
}

/*
 * The process is stopped in a system call that waits; its instruction is run once more, with
 * another call in the registers. What the kernel answers is what it would answer to a taken-over
 * process.
 */
static const struct attempt {
        const char *name;
        int number;
        unsigned long args[4]; /* PATH stands for the address of the path */
} attempts[] = {
#define PATH ULONG_MAX
        { "read", SYS_openat, { (unsigned long)AT_FDCWD, PATH, O_RDONLY } },
        { "write", SYS_openat, { (unsigned long)AT_FDCWD, PATH, O_WRONLY } },
        { "create", SYS_openat, { (unsigned long)AT_FDCWD, PATH, O_WRONLY | O_CREAT, 0600 } },
        { "mkdir", SYS_mkdir, { PATH, 0755 } },
        { "rmdir", SYS_rmdir, { PATH } },
        { "unlink", SYS_unlinkat, { (unsigned long)AT_FDCWD, PATH } },
        { "exec", SYS_execve, { PATH } },
        { "setuid", SYS_setuid, { 1000 } },
        { "socket", SYS_socket, { AF_INET, SOCK_STREAM } },
        { "fork", SYS_fork, { 0 } },
};

static bool stopped(pid_t pid) {
        int status;

        return waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status);
}

static void put_path(pid_t pid, unsigned long address, const char *path) {
        for (size_t at = 0; at <= strlen(path); at += sizeof(long)) {
                long word = 0;

                (void)strncpy((char *)&word, path + at, sizeof(word));
                if (ptrace(PTRACE_POKEDATA, pid, address + at, word) < 0)
                        die("POKEDATA");
        }
}

static long attempt(pid_t pid, const struct attempt *a, const char *path, bool *ret_killed) {
        struct user_regs_struct saved, regs;
        unsigned long args[4];

        if (ptrace(PTRACE_GETREGS, pid, NULL, &saved) < 0)
                die("GETREGS");
        regs = saved;
        put_path(pid, (saved.rsp - 8192) & ~15UL, path);
        for (size_t i = 0; i < 4; i++)
                args[i] = a->args[i] == PATH ? (saved.rsp - 8192) & ~15UL : a->args[i];
        regs.rip -= 2; /* the length of the instruction */
        regs.rax = (unsigned long)a->number;
        regs.orig_rax = -1UL;
        regs.rdi = args[0];
        regs.rsi = args[1];
        regs.rdx = args[2];
        regs.r10 = args[3];
        if (ptrace(PTRACE_SETREGS, pid, NULL, &regs) < 0 ||
                        ptrace(PTRACE_SINGLESTEP, pid, NULL, 0) < 0)
                die("SETREGS");
        *ret_killed = !stopped(pid);
        if (*ret_killed)
                return 0;
        if (ptrace(PTRACE_GETREGS, pid, NULL, &regs) < 0)
                die("GETREGS");
        (void)ptrace(PTRACE_SETREGS, pid, NULL, &saved);
        return (long)regs.rax;
}

static int inside(pid_t pid, const char *what, const char *path) {
        const struct attempt *a = attempts;
        bool killed;
        long r;

        while (strcmp(a->name, what) != 0)
                if (++a == attempts + sizeof(attempts) / sizeof(attempts[0]))
                        die(what);
        if (ptrace(PTRACE_SEIZE, pid, NULL, 0) < 0 || ptrace(PTRACE_INTERRUPT, pid, NULL, 0) < 0 ||
                        !stopped(pid))
                die("ptrace");
        r = attempt(pid, a, path, &killed);
        if (!killed)
                (void)ptrace(PTRACE_DETACH, pid, NULL, 0);
        (void)puts(killed ? "killed" : r < 0 ? strerrorname_np((int)-r) : "ok");
        return 0;
}

int main(int argc, char **argv) {
        const char *verb = argc > 1 ? argv[1] : "";

        if (strcmp(verb, "call") == 0 && argc == 4)
                return call(argv[2], argv[3]);
        if (strcmp(verb, "raw") == 0 && argc >= 3)
                return raw(argv[2], argc > 3 ? number(argv[3]) : 10);
        if (strcmp(verb, "fds") == 0 && argc == 4)
                return fds(argv[2], number(argv[3]));
        if (strcmp(verb, "many") == 0 && argc >= 4)
                return many(argv[2], number(argv[3]), argc > 4 ? (unsigned)number(argv[4]) : 0);
        if (strcmp(verb, "http") == 0 && argc >= 6)
                return http(argv[2], argv[3], argv[4], argv + 5);
        if (strcmp(verb, "anon") == 0 && argc >= 3) {
                hold(strtoul(argv[2], NULL, 10));
                (void)sleep(argc > 3 ? (unsigned)number(argv[3]) : 1000000);
                return 0;
        }
        if (strcmp(verb, "grow") == 0 && argc == 4)
                grow(strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10));
        if (strcmp(verb, "thrash") == 0 && argc == 5)
                thrash(argv[2], strtoul(argv[3], NULL, 10), strtoul(argv[4], NULL, 10));
        if (strcmp(verb, "reads") == 0 && argc == 5)
                reads(argv[2], strtoul(argv[3], NULL, 10) * 1024, (unsigned)number(argv[4]));
        if (strcmp(verb, "forks") == 0 && argc == 3)
                forks(number(argv[2]));
        if (strcmp(verb, "inside") == 0 && argc >= 4)
                return inside(number(argv[2]), argv[3], argc > 4 ? argv[4] : "");
        (void)fprintf(stderr, "peer: see the head of tests/integration/peer.c\n");
        return 2;
}
