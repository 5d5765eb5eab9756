/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of programs between a process and the person who started something. comm may be a whole
 * title ("npm run build"): its first word counts.
 */
#include "governor/observer/attribution.h"

#include <string.h>

static const char *const dull[] = { "sh", "bash", "dash", "zsh", "ash", "fish", "busybox", "env",
        "sudo", "su", "timeout", "nice", "ionice", "time", "xargs", "setsid", "nohup", "script",
        "tini", "dumb-init", "docker-init", "catatonit", "init", "systemd", "s6-svscan", "sleep",
        "conmon", "runc", "crun", "containerd-shim", "sshd", "tmux: server", "screen", "login" };

static const char *const telling[] = { "make", "gmake", "ninja", "samu", "cargo", "go", "npm",
        "pnpm", "yarn", "npx", "bun", "deno", "gradle", "gradlew", "mvn", "mvnw", "sbt", "ant",
        "bazel", "buck2", "meson", "cmake", "ctest", "scons", "pytest", "tox", "pip", "pip3", "uv",
        "poetry", "rake", "bundle", "composer", "dotnet", "msbuild", "swift", "mix", "stack",
        "cabal", "zig", "webpack", "vite", "jest", "tsc", "docker", "dockerd", "buildkitd" };

static bool listed(const char *comm, const char *const *names, size_t count) {
        size_t len = strcspn(comm, " ");

        for (size_t i = 0; i < count; i++)
                if (strcmp(comm, names[i]) == 0 ||
                                (strlen(names[i]) == len && memcmp(comm, names[i], len) == 0))
                        return true;
        return false;
}

bool attribution_dull(const char *comm) {
        return listed(comm, dull, ARRAY_LEN(dull));
}

bool attribution_telling(const char *comm) {
        return listed(comm, telling, ARRAY_LEN(telling));
}
