/* SPDX-License-Identifier: Apache-2.0 */
#include "policies/analysis/prose.h"
#include "state/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct finding cpu_finding(void) {
        struct finding f = { .rule = RULE_CPU_QUOTA, .lost_usec_per_min = 41300000 };

        f.evidence[EVIDENCE_CPU_WINDOW] = 60000000;
        f.evidence[EVIDENCE_CPU_PERIODS] = 600;
        f.evidence[EVIDENCE_CPU_THROTTLED_PERIODS] = 540;
        f.evidence[EVIDENCE_CPU_THROTTLED] = 90500000;
        f.evidence[EVIDENCE_CPU_USAGE] = 60000000;
        f.evidence[EVIDENCE_CPU_QUOTA] = 100000;
        f.evidence[EVIDENCE_CPU_PERIOD] = 100000;
        return f;
}

static void a_finding_says_what_was_measured(void **state) {
        struct finding f = cpu_finding();
        struct proposal p = { .rule = RULE_CPU_QUOTA };
        struct prose prose;

        (void)state;
        prose_make(&f, &p, REASON_NONE, REASON_NONE, "", &prose);
        assert_non_null(strstr(prose.text, "90 % of its periods"));
        assert_non_null(strstr(prose.text, "41.3 s a minute"));
        assert_non_null(strstr(prose.text, "quota of 1"));
        assert_string_equal(prose.processes, "");
}

static void every_rule_has_all_sentences_and_none_is_cut(void **state) {
        char long_name[200] = { 0 };

        memset(long_name, 'x', sizeof(long_name) - 1);
        (void)state;
        for (int rule = RULE_PERSON + 1; rule < RULE_COUNT; rule++) {
                struct finding f = { .rule = (enum rule_id)rule, .lost_usec_per_min = UINT64_MAX };
                struct proposal p = { .rule = (uint32_t)rule };
                struct prose prose;

                memset(f.evidence, 0xfe, sizeof(f.evidence));
                prose_make(&f, &p, REASON_NONE, REASON_NONE, long_name, &prose);
                for (size_t i = 0; i < sizeof(prose) / PROSE_MAX; i++) {
                        const char *sentence = (const char *)&prose + i * PROSE_MAX;

                        if (sentence == prose.processes)
                                continue;
                        assert_in_range(strlen(sentence), 10, PROSE_MAX - 2);
                }
        }
}

static void processes_are_named_with_their_ancestor(void **state) {
        struct finding f = cpu_finding();
        struct prose prose;

        (void)state;
        f.culprits_count = 2;
        f.culprits[0] = (struct culprit){ .comm = "cc1plus",
                .ancestor = "ninja",
                .cpu_permyriad = 9612,
                .memory_growth_bytes = 3 * GIB };
        f.culprits[1] = (struct culprit){ .comm = "ld", .cpu_permyriad = 200, .memory_bytes = MIB };
        prose_make(&f, NULL, REASON_NO_CHANGE, REASON_NONE, "", &prose);
        assert_non_null(strstr(prose.processes, "cc1plus \xe2\x86\x90 ninja 96 % of its CPU, +3"));
        assert_non_null(strstr(prose.processes, "; ld 2 % of its CPU, 1"));
}

static void hostile_names_do_not_reach_the_terminal(void **state) {
        struct finding f = cpu_finding();
        struct prose prose;

        (void)state;
        f.culprits_count = CULPRITS_MAX;
        for (unsigned i = 0; i < CULPRITS_MAX; i++) {
                memcpy(f.culprits[i].comm, "a) R\n\x1b[2J\xff\xfe", 12);
                memcpy(f.culprits[i].ancestor, "\x1b\x1b\x1b\x1b\x1b\x1b\x1b\x1b", 9);
        }
        prose_make(&f, NULL, REASON_NO_CHANGE, REASON_NONE, "", &prose);
        assert_true(strlen(prose.processes) > 0);
        assert_null(strpbrk(prose.processes, "\n\x1b\xff"));
        assert_true(text_is_utf8(prose.processes, strlen(prose.processes)));
}

static void without_a_proposal_it_says_why(void **state) {
        struct finding f = cpu_finding();
        struct prose prose;

        (void)state;
        prose_make(&f, NULL, REASON_HOST_RESERVE, REASON_NONE, "", &prose);
        assert_non_null(strstr(prose.why, "no more to give"));
        assert_string_equal(prose.effect, "");
        assert_string_equal(prose.undo, "");
        prose_make(&f, NULL, REASON_NO_CHANGE, REASON_NONE, "", &prose);
        assert_non_null(strstr(prose.why, "as high as it should go"));
}

static void a_refused_proposal_says_why(void **state) {
        struct finding f = cpu_finding();
        struct proposal p = { .rule = RULE_CPU_QUOTA };
        struct prose prose;

        (void)state;
        prose_make(&f, &p, REASON_NONE, REASON_OBSERVED_ONLY, "", &prose);
        assert_non_null(strstr(prose.why, "E_OBSERVED_ONLY"));
        assert_string_equal(prose.effect, "");
}

static void the_risk_is_the_proposals(void **state) {
        struct finding f = cpu_finding();
        struct proposal p = { .rule = RULE_CPU_QUOTA, .risk = RISK_MEDIUM };
        struct prose prose;

        (void)state;
        prose_make(&f, &p, REASON_NONE, REASON_NONE, "", &prose);
        assert_memory_equal(prose.risk, "medium:", 7);
        p.risk = RISK_HIGH;
        prose_make(&f, &p, REASON_NONE, REASON_NONE, "", &prose);
        assert_memory_equal(prose.risk, "high:", 5);
}

static struct finding brake_finding(enum io_limit limit) {
        struct finding f = { .rule = RULE_IO_BRAKE, .lost_usec_per_min = 24000000 };

        f.evidence[EVIDENCE_BRAKE_KEY] = io_key(252, 16, limit);
        f.evidence[EVIDENCE_BRAKE_DONE] = 276 * MIB;
        f.evidence[EVIDENCE_BRAKE_DISK_DONE] = 300 * MIB;
        f.evidence[EVIDENCE_BRAKE_USE] = 9 * MIB;
        f.evidence[EVIDENCE_BRAKE_MOST] = 12 * MIB;
        return f;
}

static void a_brake_names_the_disk_the_share_and_its_victim(void **state) {
        struct finding f = brake_finding(IO_WBPS);
        struct proposal p = { .rule = RULE_IO_BRAKE, .risk = RISK_MEDIUM };
        struct prose prose;

        (void)state;
        prose_make(&f, &p, REASON_NONE, REASON_NONE, "shop/web", &prose);
        assert_string_equal(prose.text,
                        "writes 92 % of the bytes that go to disk 252:16 (9 MiB/s); shop/web "
                        "waited for it at least 24.0 s of each minute");
        assert_non_null(strstr(prose.why, "the disk was seen to do, 12 MiB/s"));
        assert_memory_equal(prose.effect, "shop/web waits less", 19);
        assert_memory_equal(prose.risk, "medium:", 7);
        f = brake_finding(IO_RIOPS);
        f.evidence[EVIDENCE_BRAKE_USE] = 900;
        prose_make(&f, NULL, REASON_NO_CHANGE, REASON_NONE, "a\x1b[2J", &prose);
        assert_memory_equal(prose.text, "makes 92 % of the reads of disk 252:16 (900", 43);
        assert_null(strchr(prose.text, '\x1b'));
        assert_non_null(strstr(prose.why, "as tight is there already"));
}

static void a_rule_without_words_says_nothing(void **state) {
        struct finding f = { .rule = RULE_PERSON };
        struct prose prose;

        (void)state;
        prose_make(&f, NULL, REASON_NONE, REASON_NONE, "", &prose);
        assert_string_equal(prose.text, "");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_finding_says_what_was_measured),
                cmocka_unit_test(every_rule_has_all_sentences_and_none_is_cut),
                cmocka_unit_test(processes_are_named_with_their_ancestor),
                cmocka_unit_test(hostile_names_do_not_reach_the_terminal),
                cmocka_unit_test(without_a_proposal_it_says_why),
                cmocka_unit_test(a_refused_proposal_says_why),
                cmocka_unit_test(the_risk_is_the_proposals),
                cmocka_unit_test(a_brake_names_the_disk_the_share_and_its_victim),
                cmocka_unit_test(a_rule_without_words_says_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
