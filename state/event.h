/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens to a host through dtgov, each with the MESSAGE_ID under which the journal of systemd
 * files it: journalctl MESSAGE_ID=... The ids are for ever; contrib/systemd/dtgov.catalog explains
 * each, and lint holds the two against each other.
 */
#pragma once

/* X(id, message id) */
#define EVENT_TABLE(X)                                                                             \
        X(APPLIED, "5450952e9f7c431da963b4cfc27009af")                                             \
        X(COMMITTED, "6b8c29f104094db2931f1dc83e53d899")                                           \
        X(ROLLED_BACK, "43de0978d69e4232a947c1ee7ce82377")                                         \
        X(ROLLBACK_FAILED, "0ededf54c97f47cea3705811516f3caa")                                     \
        X(CONFLICT, "eff8cfcec54e40f58f168f724df551df")                                            \
        X(LAPSED, "76b1b30b8a4241098817327aeb9c9778")                                              \
        X(REVERTED, "5bdae7dd8605418c92dc0cc08bfe8468")                                            \
        X(REFUSED, "73b996a5ccae44398d0f5878f6f17f1b")                                             \
        X(DENIED, "e51955dca1584b66a0e9488893c47dba")                                              \
        X(OBSERVER_LOST, "77382b9e89fa4cacb955ac2f2bd7415d")                                       \
        X(JOURNAL_DEGRADED, "49a0336704d54a718504f00ad35b7450")                                    \
        X(UNSANDBOXED, "e35de8693cd247549f542dd974fdc524")                                         \
        X(ALLOWED, "937c8ecf19994769a510d21d2a603a63")                                             \
        X(UNTRUSTED, "fd9a57270c044826a5fe7ca46c46a407")

#define EVENT_ID(id, message_id) EVENT_##id,
enum event { EVENT_NONE, EVENT_TABLE(EVENT_ID) EVENT_COUNT };
#undef EVENT_ID

/* 32 hexadecimal digits; NULL of EVENT_NONE */
extern const char *const event_message_ids[EVENT_COUNT];
