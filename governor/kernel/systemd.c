/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection lives as long as one request: PID 1 sends every signal of every unit to each private
 * connection, asked or not, and would have to hold in its memory what a daemon does not read.
 */
#include "governor/kernel/systemd.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-bus.h>

#include "governor/kernel/systemd_unit.h"
#include "state/text.h"

#define SERVICE         "org.freedesktop.systemd1"
#define MANAGER_PATH    "/org/freedesktop/systemd1"
#define MANAGER         SERVICE ".Manager"
#define PRIVATE_ADDRESS "unix:path=/run/systemd/private"

typedef sd_bus_message message;

static int bus_open_private(sd_bus **ret) {
        CLEANUP(sd_bus_unrefp) sd_bus *bus = NULL;
        int r;

        r = sd_bus_new(&bus);
        if (r >= 0)
                r = sd_bus_set_address(bus, PRIVATE_ADDRESS);
        if (r >= 0)
                r = sd_bus_start(bus);
        if (r < 0)
                return r;
        *ret = TAKE(bus);
        return 0;
}

static int bus_open(sd_bus **ret, struct error *err) {
        CLEANUP(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        int r = bus_open_private(&bus);

        if (r < 0)
                r = sd_bus_open_system(&bus);
        if (r >= 0)
                r = sd_bus_set_method_call_timeout(bus, SYSTEMD_TIMEOUT_USEC);
        if (r == -ENOENT ||
                        r == -ENODEV) /* of the socket; to callers that is a cgroup that ended */
                r = -ENOTCONN;
        if (r < 0)
                return error_errno(err, r, "cannot connect to systemd");
        *ret = TAKE(bus);
        return 0;
}

static int call(sd_bus *bus, message *m, message **ret, struct error *err) {
        CLEANUP(sd_bus_error_free) sd_bus_error e = SD_BUS_ERROR_NULL;
        int r;

        r = sd_bus_call(bus, m, /* usec= */ 0, &e, ret);
        if (r < 0)
                return error_set(
                                err, r, "systemd: %s", e.message ? e.message : strerrordesc_np(-r));
        return 0;
}

int systemd_sync(struct error *err) {
        CLEANUP(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        CLEANUP(sd_bus_error_free) sd_bus_error e = SD_BUS_ERROR_NULL;
        CLEANUP(freep) char *version = NULL;
        int r = bus_open(&bus, err);

        if (r < 0)
                return r;
        r = sd_bus_get_property_string(
                        bus, SERVICE, MANAGER_PATH, MANAGER, "Version", &e, &version);
        return r < 0 ? error_set(err, r, "systemd: %s", e.message ? e.message : strerrordesc_np(-r))
                     : 0;
}

bool systemd_is_here(void) {
        return access("/run/systemd/system/", F_OK) == 0;
}

bool systemd_may_be_unit(const char *path) {
        static const char *const suffixes[] = { ".scope", ".service", ".slice" };
        const char *dot = strrchr(path, '.');

        for (size_t i = 0; dot && i < ARRAY_LEN(suffixes); i++)
                if (strcmp(dot, suffixes[i]) == 0)
                        return true;
        return false;
}

/* "org.freedesktop.systemd1.Scope" of "x.scope". */
static void unit_interface(const char *unit, char *out, size_t size) {
        const char *suffix = strrchr(unit, '.');

        suffix = suffix && suffix[1] != '\0' ? suffix + 1 : "unit";
        (void)snprintf(out, size, SERVICE ".%c%.32s", toupper((unsigned char)suffix[0]),
                        suffix + 1);
}

int systemd_unit_of(const char *path, char ret_unit[static SYSTEMD_UNIT_SIZE]) {
        CLEANUP(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        CLEANUP(sd_bus_message_unrefp) message *reply = NULL;
        CLEANUP(sd_bus_error_free) sd_bus_error e = SD_BUS_ERROR_NULL;
        CLEANUP(freep) char *id = NULL, *cgroup = NULL;
        const char *object;
        char interface[96];
        int r;

        ret_unit[0] = '\0';
        if (!systemd_is_here() || !systemd_may_be_unit(path))
                return 0;
        r = bus_open(&bus, NULL);
        if (r < 0)
                return r;
        r = sd_bus_call_method(bus, SERVICE, MANAGER_PATH, MANAGER, "GetUnitByControlGroup", &e,
                        &reply, "s", path);
        if (r < 0)
                return sd_bus_error_has_name(&e, SERVICE ".NoSuchUnit") ? 0 : r;
        r = sd_bus_message_read(reply, "o", &object);
        if (r < 0)
                return r;
        r = sd_bus_get_property_string(bus, SERVICE, object, SERVICE ".Unit", "Id", NULL, &id);
        if (r < 0)
                return r;

        /* It answers for everything below a unit's cgroup too. */
        unit_interface(id, interface, sizeof(interface));
        r = sd_bus_get_property_string(
                        bus, SERVICE, object, interface, "ControlGroup", NULL, &cgroup);
        if (r < 0)
                return r;
        if (strcmp(cgroup, path) != 0)
                return 0;
        return text_copy(ret_unit, SYSTEMD_UNIT_SIZE, id) ? 1 : -ENAMETOOLONG;
}

static int read_devices(message *m, enum io_limit direction, struct unit_properties *unit) {
        const char *path;
        uint64_t value;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "(st)");
        while (r >= 0 && (r = sd_bus_message_read(m, "(st)", &path, &value)) > 0) {
                struct unit_device_limit *limit = &unit->io[unit->io_count];

                if (unit->io_count == UNIT_IO_MAX ||
                                !text_copy(limit->path, UNIT_DEVICE_SIZE, path))
                        return -E2BIG;
                limit->direction = direction;
                limit->value = value;
                unit->io_count++;
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

/* A set property that changes what systemd writes and that no rule covers. */
static void note_refused(struct unit_properties *unit, const char *name) {
        (void)text_copy(unit->refused, sizeof(unit->refused), name);
}

/* IODeviceWeight, IODeviceLatencyTargetUSec: no container engine sets them. */
static int read_other_devices(message *m, const char *name, struct unit_properties *unit) {
        const char *path;
        uint64_t value;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "(st)");
        while (r >= 0 && (r = sd_bus_message_read(m, "(st)", &path, &value)) > 0)
                note_refused(unit, name);
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_number(message *m, const char *name, struct unit_properties *unit) {
        uint64_t number;
        int r;

        r = sd_bus_message_read(m, "t", &number);
        if (r < 0)
                return r;
        for (int i = 0; i < KNOB_COUNT; i++) {
                const char *property = unit_property_of((enum knob_id)i);

                if (property && strcmp(property, name) == 0) {
                        unit->number[i] = number;
                        unit->has |= 1ULL << i;
                        return 0;
                }
        }
        if (strcmp(name, "CPUQuotaPeriodUSec") == 0)
                unit->period_usec = number;
        /* While the system starts or stops these win; 0 is StartupMemoryLow's way of "not set". */
        else if (strncmp(name, "Startup", 7) == 0 && number != UINT64_MAX && number != 0)
                note_refused(unit, name);
        return 0;
}

static int read_set(message *m, const char *name, struct unit_properties *unit) {
        const void *bits;
        size_t size;
        int r, i = strcmp(name, "AllowedMemoryNodes") == 0;

        r = sd_bus_message_read_array(m, 'y', &bits, &size);
        if (r < 0)
                return r;
        if (strncmp(name, "Startup", 7) == 0 && size > 0)
                note_refused(unit, name);
        if (strncmp(name, "Allowed", 7) != 0)
                return 0;
        if (size > sizeof(unit->set[i].bits))
                return -E2BIG;
        if (size > 0)
                memcpy(unit->set[i].bits, bits, size);
        unit->has_set[i] = true;
        return 0;
}

/* What is in the variant of one property. @type: its signature */
static int read_value(message *m, const char *name, const char *type, struct unit_properties *u) {
        const char *text;
        int r, flag;

        if (strcmp(type, "t") == 0)
                return read_number(m, name, u);
        if (strcmp(type, "ay") == 0)
                return read_set(m, name, u);
        if (strcmp(type, "a(st)") == 0) {
                for (int d = 0; d < IO_LIMIT_COUNT; d++)
                        if (strcmp(name, unit_io_properties[d]) == 0)
                                return read_devices(m, (enum io_limit)d, u);
                if (strncmp(name, "IODevice", 8) == 0)
                        return read_other_devices(m, name, u);
        }
        if (strcmp(name, "OOMPolicy") == 0 && strcmp(type, "s") == 0) {
                r = sd_bus_message_read(m, "s", &text);
                u->oom_kill = r >= 0 && strcmp(text, "kill") == 0;
                return r;
        }
        if (strcmp(name, unit_property_of(KNOB_MEMORY_ZSWAP_WB)) == 0 && strcmp(type, "b") == 0) {
                r = sd_bus_message_read(m, "b", &flag);
                u->number[KNOB_MEMORY_ZSWAP_WB] = r >= 0 && flag;
                u->has |= 1ULL << KNOB_MEMORY_ZSWAP_WB;
                return r;
        }
        return sd_bus_message_skip(m, type);
}

static int read_properties(message *m, struct unit_properties *unit) {
        int r;

        memset(unit, 0, sizeof(*unit));
        unit->period_usec = UINT64_MAX;
        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                const char *name, *type;

                r = sd_bus_message_read(m, "s", &name);
                if (r >= 0)
                        r = sd_bus_message_peek_type(m, NULL, &type);
                if (r >= 0)
                        r = sd_bus_message_enter_container(m, 'v', type);
                if (r >= 0)
                        r = read_value(m, name, type, unit);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        return r;
}

static int get_properties(
                sd_bus *bus, const char *name, struct unit_properties *unit, struct error *err) {
        CLEANUP(sd_bus_message_unrefp) message *m = NULL, *reply = NULL;
        CLEANUP(freep) char *object = NULL;
        char interface[96];
        int r;

        unit_interface(name, interface, sizeof(interface));
        r = sd_bus_path_encode("/org/freedesktop/systemd1/unit", name, &object);
        if (r >= 0)
                r = sd_bus_message_new_method_call(bus, &m, SERVICE, object,
                                "org.freedesktop.DBus.Properties", "GetAll");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", interface);
        if (r < 0)
                return error_errno(err, r, "systemd: %s", name);
        r = call(bus, m, &reply, err);
        if (r < 0)
                return r;
        r = read_properties(reply, unit);
        return r < 0 ? error_errno(err, r, "systemd: the properties of %s", name) : 0;
}

static int append(message *m, const struct unit_setting *setting) {
        const char *property = setting->property;
        int r;

        switch (setting->kind) {
        case SETTING_NUMBER:
                return sd_bus_message_append(m, "(sv)", property, "t", setting->number);
        case SETTING_SWITCH:
                return sd_bus_message_append(m, "(sv)", property, "b", (int)setting->number);
        case SETTING_DEVICE:
                return sd_bus_message_append(
                                m, "(sv)", property, "a(st)", 1, setting->device, setting->number);
        case SETTING_SET:
                break;
        }
        r = sd_bus_message_open_container(m, 'r', "sv");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", property);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'v', "ay");
        if (r >= 0)
                r = sd_bus_message_append_array(m, 'y', setting->set->bits, setting->set_bytes);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int send_settings(sd_bus *bus, const char *unit, const struct unit_settings *settings,
                struct error *err) {
        CLEANUP(sd_bus_message_unrefp) message *m = NULL;
        int r;

        r = sd_bus_message_new_method_call(
                        bus, &m, SERVICE, MANAGER_PATH, MANAGER, "SetUnitProperties");
        if (r >= 0)
                r = sd_bus_message_append(m, "sb", unit, /* runtime= */ 1);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "(sv)");
        for (size_t i = 0; r >= 0 && i < settings->count; i++)
                r = append(m, &settings->item[i]);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        if (r < 0)
                return error_errno(err, r, "systemd: %s", unit);
        return call(bus, m, /* ret= */ NULL, err);
}

static int check_or_tell(const char *unit, const struct limits *limits, const struct change *change,
                bool tell, struct error *err) {
        CLEANUP(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        struct unit_properties properties;
        struct unit_settings settings;
        int r;

        r = bus_open(&bus, err);
        if (r < 0)
                return r;
        r = get_properties(bus, unit, &properties, err);
        if (r < 0)
                return r;
        r = unit_add_disks(&properties, change);
        if (r < 0)
                return error_errno(err, r, "systemd: %s has limits of too many disks", unit);
        r = unit_compare(&properties, limits, &settings, err);
        if (r < 0)
                return r;
        return tell && settings.count > 0 ? send_settings(bus, unit, &settings, err) : 0;
}

int systemd_check(const char *unit, const struct limits *limits, const struct change *change,
                struct error *err) {
        return check_or_tell(unit, limits, change, /* tell= */ false, err);
}

int systemd_tell(const char *unit, const struct limits *limits, const struct change *change,
                struct error *err) {
        return check_or_tell(unit, limits, change, /* tell= */ true, err);
}
