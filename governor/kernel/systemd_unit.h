/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What systemd would write into a unit's limit files, and what it has to be told so that it writes
 * what is there already. Knows systemd's rules and no bus. Private to governor/kernel/systemd*.c.
 *
 * Source: systemd, src/core/cgroup.c cgroup_context_apply(), of 252 and 257
 */
#pragma once

#include "state/change.h"

#define UNIT_IO_MAX      64   /* device limits of one unit that are compared */
#define UNIT_DEVICE_SIZE 128  /* path of a device, with the NUL */
#define UNIT_CPUS_MAX    8192 /* CPUs or memory nodes of a set, as the kernel's NR_CPUS */

extern const char *const unit_io_properties[IO_LIMIT_COUNT];

/* Bit i % 8 of byte i / 8 is CPU i: the form of AllowedCPUs. */
struct unit_set {
        uint8_t bits[UNIT_CPUS_MAX / 8];
};

struct unit_device_limit {
        enum io_limit direction;
        char path[UNIT_DEVICE_SIZE];
        uint64_t value;
};

/*
 * The properties of a unit that decide about limit files. A property that this systemd does not
 * have stands for a file that it does not write.
 */
struct unit_properties {
        uint64_t has;                /* bit mask by enum knob_id: number[] was there */
        uint64_t number[KNOB_COUNT]; /* UINT64_MAX: infinity, or not set */
        uint64_t period_usec;        /* CPUQuotaPeriodUSec */
        bool oom_kill;               /* OOMPolicy=kill */
        bool has_set[2];
        struct unit_set set[2]; /* AllowedCPUs, AllowedMemoryNodes */
        struct unit_device_limit io[UNIT_IO_MAX];
        size_t io_count;
        char refused[64]; /* name of a property that is set and that no rule here covers; "" */
};

/* The property of type t (MemoryZSwapWriteback: b) for a limit file, NULL when there is none. */
const char *unit_property_of(enum knob_id id);

/*
 * Adds the disks whose io.max a change sets to those that the unit lists, without a limit: so that
 * they are compared, and told. A disk that a listed path leads to is there already.
 *
 * Errors: -E2BIG
 */
int unit_add_disks(struct unit_properties *unit, const struct change *change);

/* One property to send. */
struct unit_setting {
        const char *property;
        enum unit_setting_kind { SETTING_NUMBER, SETTING_SWITCH, SETTING_DEVICE, SETTING_SET } kind;
        uint64_t number;
        const char *device;         /* borrowed from the unit_properties */
        const struct unit_set *set; /* borrowed from the unit_settings */
        size_t set_bytes;
};

struct unit_settings {
        struct unit_setting item[KNOB_COUNT + IO_LIMIT_COUNT * UNIT_IO_MAX];
        size_t count;
        struct unit_set set[2];
};

/*
 * What to tell systemd, so that it writes into every limit file what @limits holds.
 *
 * @ret:   must stay where it is while it is used: it points into itself
 * Errors: -EREMOTE a file differs that no property can express; @err names it
 */
int unit_compare(const struct unit_properties *unit, const struct limits *limits,
                struct unit_settings *ret, struct error *err);
