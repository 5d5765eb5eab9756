/* SPDX-License-Identifier: Apache-2.0 */
#include "state/identity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define ID     "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define BUILD  "xv1w1h0zj2q3abcdefghi0123"
#define DIGEST "sha256:0123456789abcdef"

static struct container container_at(const char *cgroup) {
        struct container c = { .id = ID, .cgroup_inode = 42 };

        assert_true(strlen(cgroup) < sizeof(c.cgroup));
        (void)strcpy(c.cgroup, cgroup);
        return c;
}

/* Name, then value, up to NULL. */
static struct identity decided(const char *name, const char *const *labels, const char *snapshot) {
        const struct container c = container_at("/docker/" ID);
        struct identity_facts facts = { .engine = ENGINE_DOCKER,
                .name = name,
                .image = "node:22",
                .image_digest = DIGEST,
                .snapshot = snapshot };
        struct identity i;

        for (unsigned n = 0; labels && labels[2 * n]; n++)
                identity_add_label(&facts, n, labels[2 * n], labels[2 * n + 1]);
        identity_decide(&c, &facts, &i);
        assert_true(identity_is_about(&i, &c));
        return i;
}

static void the_first_rule_that_has_its_label_names_the_environment(void **state) {
        static const struct {
                const char *labels[13], *environment;
                enum environment_rule rule;
        } rows[] = {
                { { "daytona.sandbox_name", "dev", "devcontainer.local_folder", "/src/api",
                                  "com.docker.compose.project", "shop" },
                                "dev", ENVIRONMENT_DAYTONA_SANDBOX },
                { { "daytona.workspace.id", "ws-1", "daytona.workspace.project.name", "api" },
                                "ws-1/api", ENVIRONMENT_DAYTONA_WORKSPACE },
                { { "daytona.workspace.id", "ws-1" }, "ws-1", ENVIRONMENT_DAYTONA_WORKSPACE },
                { { "com.docker.compose.project", "shop", "com.docker.compose.service", "web",
                                  "devcontainer.local_folder", "/home/ada/src/shop" },
                                "/home/ada/src/shop", ENVIRONMENT_DEVCONTAINER },
                { { "com.docker.compose.project", "shop", "com.docker.compose.service", "web" },
                                "shop/web", ENVIRONMENT_COMPOSE },
                { { "com.docker.compose.project", "shop" }, "shop", ENVIRONMENT_COMPOSE },
                { { "com.docker.compose.service", "web" }, "api", ENVIRONMENT_NAME },
                { { "com.docker.compose.project", "" }, "api", ENVIRONMENT_NAME },
                { { "maintainer", "somebody" }, "api", ENVIRONMENT_NAME },
        };

        (void)state;
        for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
                struct identity i = decided("api", rows[k].labels, NULL);

                assert_string_equal(i.environment, rows[k].environment);
                assert_int_equal(i.environment_rule, rows[k].rule);
        }
}

static void without_a_name_the_id_is_the_environment(void **state) {
        struct identity i = decided(NULL, NULL, NULL);

        (void)state;
        assert_string_equal(i.environment, ID);
        assert_int_equal(i.environment_rule, ENVIRONMENT_ID);
}

static void the_template_is_snapshot_service_or_image(void **state) {
        static const struct {
                const char *labels[9], *snapshot, *template;
                enum template_rule rule;
        } rows[] = {
                { { "daytona.sandbox_name", "dev" }, "ubuntu:24.04", "ubuntu:24.04",
                                TEMPLATE_DAYTONA },
                { { "daytona.organization_id", "o" }, "ubuntu:24.04", "ubuntu:24.04",
                                TEMPLATE_DAYTONA },
                { { "com.docker.compose.project", "shop-ada", "com.docker.compose.service", "web",
                                  "com.docker.compose.project.working_dir", "/home/ada/shop" },
                                NULL, "shop/web", TEMPLATE_COMPOSE },
                { { "com.docker.compose.project", "shop", "com.docker.compose.service", "web",
                                  "com.docker.compose.project.working_dir", "/" },
                                NULL, "shop/web", TEMPLATE_COMPOSE },
                { { "com.docker.compose.project", "shop" }, NULL, DIGEST, TEMPLATE_IMAGE },
                /* Anybody may set the variable; that alone makes no sandbox. */
                { { "maintainer", "m" }, "ubuntu:24.04", DIGEST, TEMPLATE_IMAGE },
        };

        (void)state;
        for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
                struct identity i = decided("api", rows[k].labels, rows[k].snapshot);

                assert_string_equal(i.template, rows[k].template);
                assert_int_equal(i.template_rule, rows[k].rule);
        }
}

static void the_folder_of_a_project_is_kept(void **state) {
        static const char *const both[] = { "com.docker.compose.project.working_dir", "/a",
                "devcontainer.local_folder", "/b", NULL };

        (void)state;
        assert_string_equal(decided("api", both, NULL).folder, "/b");
}

/* Row 11 of the fault catalogue. */
static void a_label_too_long_is_no_name_at_all(void **state) {
        char long_name[IDENTITY_TEXT_SIZE + 1], half[IDENTITY_TEXT_SIZE - 4];
        const char *labels[] = { "devcontainer.local_folder", long_name, NULL };
        const char *joined[] = { "com.docker.compose.project", half, "com.docker.compose.service",
                "12345678", NULL };
        struct identity i;

        (void)state;
        memset(long_name, 'a', sizeof(long_name));
        long_name[IDENTITY_TEXT_SIZE] = '\0';
        i = decided("api", labels, NULL);
        assert_string_equal(i.environment, "api");
        assert_int_equal(i.notes, IDENTITY_LABELS_TRUNCATED);
        long_name[IDENTITY_TEXT_SIZE - 1] = '\0';
        i = decided("api", labels, NULL);
        assert_string_equal(i.environment, long_name);
        assert_int_equal(i.notes, 0);

        memset(half, 'b', sizeof(half));
        half[sizeof(half) - 1] = '\0';
        assert_string_equal(decided("api", joined, NULL).environment, "api");
}

/* Row 11 of the fault catalogue. */
static void labels_beyond_64_are_passed_over(void **state) {
        struct identity_facts facts = { .engine = ENGINE_DOCKER };

        (void)state;
        identity_add_label(&facts, 63, "daytona.workspace.id", "w");
        assert_int_equal(facts.notes, 0);
        identity_add_label(&facts, 64, "daytona.sandbox_name", "s");
        assert_int_equal(facts.notes, IDENTITY_LABELS_TRUNCATED);
        assert_null(facts.labels[LABEL_SANDBOX]);
        assert_string_equal(facts.labels[LABEL_WORKSPACE], "w");
}

/* Row 12 of the fault catalogue. */
static void labels_that_command_are_ignored_and_told(void **state) {
        static const char *const labels[] = { "dtgov.approve", "yes", NULL };
        static const char *const other[] = { "org.dtgov.memory.max", "64G", NULL };
        static const char *const harmless[] = { "dtgovernor", "1", NULL };

        (void)state;
        assert_int_equal(decided("api", labels, NULL).notes, IDENTITY_LABELS_WISH);
        assert_int_equal(decided("api", other, NULL).notes, IDENTITY_LABELS_WISH);
        assert_int_equal(decided("api", harmless, NULL).notes, 0);
        assert_non_null(strstr(identity_notes[1], "labels cannot raise or approve"));
}

static void the_network_is_its_own_or_not(void **state) {
        static const struct {
                const char *mode;
                enum network_mode is;
        } rows[] = { { NULL, NETWORK_UNKNOWN }, { "", NETWORK_UNKNOWN }, { "host", NETWORK_HOST },
                { "none", NETWORK_NONE }, { "container:abc", NETWORK_SHARED },
                { "bridge", NETWORK_OWN }, { "shop_default", NETWORK_OWN } };
        const struct container c = container_at("/docker/" ID);

        (void)state;
        for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
                const struct identity_facts facts = { .network = rows[k].mode };
                struct identity i;

                identity_decide(&c, &facts, &i);
                assert_int_equal(i.network, rows[k].is);
        }
}

static void only_engines_that_may_know_it_are_asked(void **state) {
        static const struct {
                const char *cgroup, *bundle;
                unsigned engines;
                enum engine_kind engine;
        } rows[] = {
                { "/docker/" ID, "", 1U << ENGINE_DOCKER, ENGINE_DOCKER },
                { "/system.slice/docker-" ID ".scope", "", 1U << ENGINE_DOCKER, ENGINE_DOCKER },
                { "/system.slice/docker-" ID ".scope/container", "", 1U << ENGINE_DOCKER,
                                ENGINE_DOCKER },
                { "/machine.slice/libpod-" ID ".scope/container", "", 1U << ENGINE_PODMAN,
                                ENGINE_PODMAN },
                { "/libpod_parent/libpod-" ID, "", 1U << ENGINE_PODMAN, ENGINE_PODMAN },
                { "/mine/" ID, "/run/containerd/io.containerd.runtime.v2.task/moby/" ID,
                                1U << ENGINE_DOCKER, ENGINE_DOCKER },
                { "/mine/" ID, "/run/containers/storage/overlay-containers/" ID "/userdata",
                                1U << ENGINE_PODMAN, ENGINE_PODMAN },
                { "/mine/" ID, "", 1U << ENGINE_DOCKER | 1U << ENGINE_PODMAN, ENGINE_NONE },
                { "/default/" ID, "/run/containerd/io.containerd.runtime.v2.task/default/" ID, 0,
                                ENGINE_CONTAINERD },
                { "/system.slice/nerdctl-" ID ".scope", "", 0, ENGINE_CONTAINERD },
                { "/machine.slice/crio-" ID ".scope", "", 0, ENGINE_CRIO },
                { "/kubepods.slice/pod.slice/cri-containerd-" ID ".scope", "", 0,
                                ENGINE_CONTAINERD },
                { "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID ".scope",
                                "", 0, ENGINE_PODMAN },
        };

        (void)state;
        for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
                struct container c = container_at(rows[k].cgroup);
                enum engine_kind engine;

                (void)strcpy(c.bundle, rows[k].bundle);
                assert_int_equal(identity_engines(&c, &engine), rows[k].engines);
                assert_int_equal(engine, rows[k].engine);
                (void)strcpy(c.id, "web"); /* plain runc's */
                assert_int_equal(identity_engines(&c, &engine), 0);
        }
}

static void builds_of_buildkit_are_known_by_their_cgroup(void **state) {
        static const char *const builds[] = { "/docker/buildkit/" BUILD,
                "/system.slice/system.slice:docker:" BUILD, "/system.slice:docker:" BUILD };
        static const char *const others[] = { "/docker/" BUILD, "/docker/buildkit/" BUILD "0",
                "/docker/buildkit/" ID, "/docker/buildkit", "/buildkit/x", "/a:" BUILD, "/", "" };

        (void)state;
        for (size_t k = 0; k < ARRAY_LEN(builds); k++) {
                struct container c = container_at(builds[k]);
                struct identity i;

                assert_string_equal(identity_build_id(builds[k]), BUILD);
                identity_default(&c, &i);
                assert_string_equal(i.environment, "buildkit");
                assert_int_equal(i.environment_rule, ENVIRONMENT_BUILDKIT);
        }
        for (size_t k = 0; k < ARRAY_LEN(others); k++)
                assert_null(identity_build_id(others[k]));
}

/* A taken-over dtgov-identify must not crash who reads its answer. */
static void a_record_that_is_not_whole_is_none(void **state) {
        const struct container c = container_at("/docker/" ID);
        struct identity good, bad;

        (void)state;
        identity_default(&c, &good);
        assert_true(identity_is_about(&good, &c));
#define REFUSED(member, value)                                                                     \
        bad = good;                                                                                \
        bad.member = value;                                                                        \
        assert_false(identity_is_about(&bad, &c))
        REFUSED(cgroup_inode, 43);
        REFUSED(id[0], 'x');
        REFUSED(status, IDENTITY_STATUS_COUNT);
        REFUSED(engine, ENGINE_COUNT);
        REFUSED(environment_rule, ENVIRONMENT_RULE_COUNT);
        REFUSED(template_rule, TEMPLATE_RULE_COUNT);
        REFUSED(network, NETWORK_COUNT);
        REFUSED(health, HEALTH_COUNT);
        REFUSED(notes, 1U << IDENTITY_NOTES_COUNT);
        REFUSED(environment[0], '\0');
        memset(&bad, 'a', sizeof(bad));
        assert_false(identity_is_about(&bad, &c));
        char *const texts[] = { bad.environment, bad.template, bad.name, bad.image, bad.folder };
        for (size_t k = 0; k < ARRAY_LEN(texts); k++) {
                bad = good;
                memset(texts[k], 'a', IDENTITY_TEXT_SIZE);
                assert_false(identity_is_about(&bad, &c));
        }
}

/* Row 71 of the fault catalogue. */
static void what_others_own_says_so(void **state) {
        (void)state;
        assert_non_null(strstr(container_observed_only("/kubepods.slice/x"), "Kubernetes"));
        assert_non_null(strstr(container_observed_only("/user.slice/user-1.slice/x"), "rootless"));
        assert_null(container_observed_only("/docker/" ID));
        assert_null(container_observed_only("/users/" ID));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_first_rule_that_has_its_label_names_the_environment),
                cmocka_unit_test(without_a_name_the_id_is_the_environment),
                cmocka_unit_test(the_template_is_snapshot_service_or_image),
                cmocka_unit_test(the_folder_of_a_project_is_kept),
                cmocka_unit_test(a_label_too_long_is_no_name_at_all),
                cmocka_unit_test(labels_beyond_64_are_passed_over),
                cmocka_unit_test(labels_that_command_are_ignored_and_told),
                cmocka_unit_test(the_network_is_its_own_or_not),
                cmocka_unit_test(only_engines_that_may_know_it_are_asked),
                cmocka_unit_test(builds_of_buildkit_are_known_by_their_cgroup),
                cmocka_unit_test(a_record_that_is_not_whole_is_none),
                cmocka_unit_test(what_others_own_says_so),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
