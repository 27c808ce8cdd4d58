/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/guest_config.h"

#include <ctype.h>
#include <stdio.h>

static const char default_name[] = "guest";

bool guest_config_named(const struct guest_config *c)
{
    return c->name != default_name;
}

const struct opt guest_options[] = {
    OPT(struct guest_config, mode, .name = "mode", .kind = OPT_ENUM, .arg = "WAY",
        .choices = "auto|full|para|zone|native",
        .help = "way to run it; auto takes the strongest that works here"),
    OPT(struct guest_config, image, .name = "image", .path = "/", .kind = OPT_STRING, .arg = "NAME|FILE",
        .help = "what the guest's own disk stands on: an image (see quad image) or a disk's file"),
    OPT(struct guest_config, rm, .name = "rm", .kind = OPT_FLAG,
        .help = "keep nothing: the guest's own disk goes when it ends"),
    OPT(struct guest_config, hostname, .name = "hostname", .kind = OPT_STRING, .arg = "NAME",
        .help = "of an image: the system's name for itself (the guest's name)"),
    OPT(struct guest_config, users, .name = "user", .kind = OPT_LIST, .arg = "NAME",
        .help = "of an image: one more user, opened by the same ssh keys"),
    OPT(struct guest_config, ssh_keys, .name = "ssh-key", .path = "", .kind = OPT_LIST, .arg = "FILE",
        .help = "of an image: one more public key that opens it"),
    OPT(struct guest_config, user_data, .name = "user-data", .path = "", .kind = OPT_STRING, .arg = "FILE",
        .help = "of an image: cloud-init's user data, or a script for the first boot"),
    OPT(struct guest_config, shares, .name = "share", .path = "", .kind = OPT_LIST,
        .arg = "DIR:MOUNTPOINT[,ro]",
        .help = "a folder of this host; zones and built images mount it there, others by the tag share0 ..."),
    OPT(struct guest_config, balloon, .name = "balloon", .kind = OPT_FLAG,
        .help = "a memory balloon: free memory goes back to the host, and it can be asked for more"),
    OPT(struct guest_config, agent, .name = "agent", .kind = OPT_STRING, .arg = "WHERE",
        .help = "the channel of qemu-guest-agent: socket:PATH, file:PATH, null (an image's own socket)"),
    OPT(struct guest_config, vsock, .name = "vsock", .kind = OPT_STRING, .arg = "[cid=N][,unix=PATH]",
        .help = "sockets between guest and host; the host's are PATH (to the guest) and PATH_PORT (from it)"),
    OPT(struct guest_config, zone.tty, .name = "tty", .letter = 't', .kind = OPT_FLAG,
        .help = "zone: its program has a terminal"),
    OPT(struct guest_config, zone.interactive, .name = "interactive", .letter = 'i',
        .kind = OPT_FLAG, .run_only = true,
        .help = "accepted; standard input always goes to the zone"),
    OPT(struct guest_config, zone.init, .name = "init", .kind = OPT_FLAG,
        .help = "zone: boot the image's own init"),
    OPT(struct guest_config, zone.command, .name = "command", .kind = OPT_LIST, .arg = "WORD",
        .help = "zone: its program and arguments; better: -- PROGRAM ARGUMENT..."),
    OPT(struct guest_config, zone.env, .name = "env", .letter = 'e', .kind = OPT_LIST,
        .arg = "NAME=VALUE", .help = "zone: for its program's environment"),
    OPT(struct guest_config, zone.run_as, .name = "run-as", .kind = OPT_STRING,
        .arg = "USER[:GROUP]", .help = "zone: as whom its program runs"),
    OPT(struct guest_config, zone.workdir, .name = "workdir", .letter = 'w', .kind = OPT_STRING,
        .arg = "PATH", .help = "zone: where its program begins"),
    OPT(struct guest_config, zone.net, .name = "net", .kind = OPT_STRING, .arg = "HOW",
        .help = "zone: bridge, none, host (bridge)"),
    OPT(struct guest_config, zone.brand, .name = "brand", .kind = OPT_STRING, .arg = "BRAND",
        .help = "zone: native, i386, linux-RELEASE: what uname and the kernel's calls look like"),
    OPT(struct guest_config, zone.autostart, .name = "autostart", .kind = OPT_UINT, .arg = "N",
        .max = 100000, .help = "zone: started by quad zone autostart, the lowest number first"),
    OPT(struct guest_config, zone.swap, .name = "swap", .kind = OPT_SIZE, .arg = "SIZE",
        .help = "zone: swap beyond its memory"),
    OPT(struct guest_config, zone.cpu_cap, .name = "cpu-cap", .kind = OPT_UINT, .arg = "PERCENT",
        .max = 102400, .help = "zone: at most so much of one processor"),
    OPT(struct guest_config, zone.cpu_share, .name = "cpu-share", .kind = OPT_UINT, .arg = "N",
        .max = 10000, .help = "zone: weight against others where processors are scarce (100)"),
    OPT(struct guest_config, zone.processes, .name = "processes", .kind = OPT_UINT, .arg = "N",
        .max = 4194304, .help = "zone: at most so many processes and threads"),
    OPT(struct guest_config, zone.io_rate, .name = "io-rate", .kind = OPT_SIZE, .arg = "SIZE",
        .help = "zone: bytes a second from and to disk, each way"),
    OPT(struct guest_config, zone.io_ops, .name = "io-ops", .kind = OPT_UINT, .arg = "N",
        .help = "zone: disk requests a second, each way"),
    OPT(struct guest_config, zone.net_rate, .name = "net-rate", .kind = OPT_SIZE, .arg = "SIZE",
        .help = "zone: bytes a second to and from its network, each way"),
    OPT(struct guest_config, kernel, .name = "kernel", .path = "", .kind = OPT_STRING, .arg = "FILE",
        .help = "kernel: bzImage, ELF with a PVH note, multiboot"),
    OPT(struct guest_config, initrd, .name = "initrd", .path = "", .kind = OPT_STRING, .arg = "FILE",
        .help = "initial RAM disk"),
    OPT(struct guest_config, append, .name = "append", .kind = OPT_STRING, .arg = "TEXT",
        .help = "kernel command line; without it the way's console is supplied"),
    OPT(struct guest_config, display, .name = "display", .kind = OPT_STRING, .arg = "WHAT",
        .help = "screen: none, hidden (for quad screenshot), or vnc=unix:PATH or vnc=HOST:PORT, then ,password-file=FILE"),
    OPT(struct guest_config, firmware, .name = "firmware", .kind = OPT_ENUM, .arg = "WHAT",
        .choices = "bios|uefi|none",
        .help = "what starts the machine; without it none with a kernel, else bios"),
    OPT(struct guest_config, firmware_log, .name = "firmware-log", .kind = OPT_STRING,
        .arg = "WHERE", .help = "the firmware's own messages: file:PATH, socket:PATH, stdio"),
    OPT(struct guest_config, firmware_vars, .name = "firmware-vars", .kind = OPT_STRING,
        .arg = "FILE", .help = "where UEFI's variables are kept; made when it is not there"),
    OPT(struct guest_config, memory, .name = "memory", .letter = 'm', .kind = OPT_SIZE,
        .arg = "SIZE", .min = 2u << 20, .max = UINT64_C(1) << 39, .help = "memory (512M)"),
    OPT(struct guest_config, memory_max, .name = "memory-max", .kind = OPT_SIZE, .arg = "SIZE",
        .min = 2u << 20, .max = UINT64_C(1) << 39,
        .help = "how much it may get while it runs, by quad set (four times --memory, or to 2816M)"),
    OPT(struct guest_config, cpus, .name = "cpus", .letter = 'c', .kind = OPT_UINT, .arg = "N",
        .min = 1, .max = 64, .help = "virtual processors (1)"),
    OPT(struct guest_config, cpus_max, .name = "cpus-max", .kind = OPT_UINT, .arg = "N",
        .min = 1, .max = 64,
        .help = "how many it may get while it runs, by quad set (4, or as many as --cpus)"),
    OPT(struct guest_config, name, .name = "name", .kind = OPT_STRING, .arg = "NAME",
        .help = "the guest's name; its UUID is made from it"),
    OPT(struct guest_config, serial, .name = "serial", .kind = OPT_LIST, .arg = "WHERE",
        .help = "serial port, the first one first: stdio, file:PATH, socket:PATH, pty, null"),
    OPT(struct guest_config, disks, .name = "disk", .path = "", .kind = OPT_LIST, .arg = "FILE[,OPTION]...",
        .help = "disk image; options: if=virtio|ahci|ide, format=F, readonly, cache=writeback|writethrough|unsafe, "
                "serial=S, queues=N, iops=N, rate=SIZE"),
    OPT(struct guest_config, cdroms, .name = "cdrom", .path = "", .kind = OPT_LIST, .arg = "FILE[,if=ide]",
        .help = "CD or DVD image in a drive of its own"),
    OPT(struct guest_config, nics, .name = "nic", .kind = OPT_LIST, .arg = "NET[,OPTION]...",
        .help = "network card on user, tap or null; options: model=virtio|e1000, mac=M, forward=F, interface=I, "
                "pcap=FILE, rate=SIZE"),
    OPT(struct guest_config, forwards, .name = "forward", .kind = OPT_LIST,
        .arg = "[udp:][ADDR:]PORT:PORT",
        .help = "a port of this host leads to one of the guest (user network)"),
    OPT(struct guest_config, engine, .name = "engine", .kind = OPT_STRING, .arg = "ENGINE",
        .help = "what runs the processors: see quad list engines"),
    OPT(struct guest_config, cpu_model, .name = "cpu-model", .kind = OPT_STRING, .arg = "MODEL",
        .help = "processor that the guest sees: v2, v3"),
    OPT(struct guest_config, loader, .name = "loader", .kind = OPT_ENUM, .arg = "HOW",
        .choices = "auto|pvh|vmlinux|linux64|linux32|linux16|multiboot|multiboot2",
        .help = "how the kernel is entered, where its file allows several ways"),
    OPT(struct guest_config, modules, .name = "module", .path = "", .kind = OPT_LIST, .arg = "FILE ARGS",
        .help = "multiboot module with its command line"),
    OPT(struct guest_config, board, .name = "board", .kind = OPT_STRING, .arg = "BOARD",
        .help = "machine that the guest sees: see quad list boards"),
    OPT(struct guest_config, sandbox, .name = "sandbox", .kind = OPT_ENUM, .arg = "HOW",
        .choices = "off|auto|require",
        .help = "close its process before the first instruction: no file, socket or program can be "
                "opened any more; auto: as far as this host allows (auto)"),
    OPT(struct guest_config, on_reboot, .name = "on-reboot", .kind = OPT_ENUM, .arg = "WHAT",
        .choices = "reset|exit", .help = "when the guest reboots (reset)"),
    OPT(struct guest_config, on_panic, .name = "on-panic", .kind = OPT_ENUM, .arg = "WHAT",
        .choices = "exit|pause", .help = "when the guest's kernel panics (exit)"),
    OPT(struct guest_config, on_watchdog, .name = "on-watchdog", .kind = OPT_ENUM, .arg = "WHAT",
        .choices = "exit|reset|pause", .help = "when the guest's watchdog fires (exit)"),
    OPT(struct guest_config, uuid, .name = "uuid", .kind = OPT_STRING, .arg = "UUID",
        .help = "the machine's UUID"),
    OPT(struct guest_config, deterministic, .name = "deterministic", .kind = OPT_FLAG,
        .help = "one processor at a time, time = instructions: every run is the same"),
    OPT(struct guest_config, seed, .name = "seed", .kind = OPT_UINT, .arg = "N",
        .help = "what RDRAND starts from with --deterministic"),
    OPT(struct guest_config, record, .run_only = true, .name = "record", .kind = OPT_STRING, .arg = "TAPE",
        .help = "deterministic, and all that comes from outside goes on a tape, too"),
    OPT(struct guest_config, replay, .run_only = true, .name = "replay", .kind = OPT_STRING, .arg = "TAPE",
        .help = "run the same guest again with the input of the tape, and no other"),
    OPT(struct guest_config, detach, .name = "detach", .letter = 'd', .kind = OPT_FLAG,
        .run_only = true, .help = "in the background; needs --name; see quad console, quad stop"),
    OPT(struct guest_config, wait, .name = "wait", .kind = OPT_STRING, .arg = "boot|ssh|port:N",
        .run_only = true,
        .help = "of --detach: until its console asks for a login or its agent answers, ssh "
                "answers, or its port N is open"),
    OPT(struct guest_config, timeout, .name = "timeout", .kind = OPT_UINT, .arg = "SECONDS",
        .run_only = true, .help = "how long --wait may take (300)"),
    OPT(struct guest_config, print_config, .name = "print-config", .kind = OPT_FLAG,
        .run_only = true, .help = "print what guest file and command line say together, and end"),
    OPT(struct guest_config, trace, .run_only = true,
        .name = "trace", .kind = OPT_STRING, .arg = "PATTERNS",
        .help = "print trace points: serial_*,machine_event"),
    OPT(struct guest_config, trace_file, .run_only = true,
        .name = "trace-file", .kind = OPT_STRING, .arg = "FILE",
        .help = "where trace lines go (standard error)"),
    OPT(struct guest_config, gdb, .run_only = true,
        .name = "gdb", .kind = OPT_STRING, .arg = "WHERE",
        .help = "wait for a debugger at unix:PATH or tcp:PORT before the first instruction"),
    OPT(struct guest_config, dump_jit, .run_only = true,
        .name = "dump-jit", .kind = OPT_STRING, .arg = "FILE",
        .help = "write the translated code there at the end"),
    OPT(struct guest_config, dump_what, .run_only = true,
        .name = "dump-what", .kind = OPT_STRING, .arg = "WHAT",
        .help = "of --dump-jit: guest, host, guest,host (all), each with @GVA: what holds it"),
    OPT(struct guest_config, perf_map, .run_only = true,
        .name = "perf-map", .kind = OPT_FLAG,
        .help = "tell perf of translated code, in /tmp/perf-PID.map"),
    OPT(struct guest_config, switch_every, .run_only = true,
        .name = "switch-every", .kind = OPT_UINT, .arg = "MS",
        .max = 3600000, .help = "change to another engine every MS milliseconds (for tests)"),
    OPT(struct guest_config, stats, .run_only = true,
        .name = "stats", .kind = OPT_FLAG,
        .help = "print counters at the end"),
    OPT(struct guest_config, count_hypercalls, .run_only = true, .name = "count-hypercalls",
        .kind = OPT_FLAG,
        .help = "mode para: print how often which hypercall was made, at the end"),
    OPT(struct guest_config, quiet, .run_only = true,
        .name = "quiet", .letter = 'q', .kind = OPT_FLAG,
        .help = "no notices, only warnings and errors"),
    OPT(struct guest_config, help, .run_only = true,
        .name = "help", .letter = 'h', .kind = OPT_FLAG,
        .help = "this help"),
    OPT_END,
};

void guest_config_init(struct guest_config *c)
{
    *c = (struct guest_config){
        .name = default_name,
        .timeout = 300,
        .mode = "auto",
        .loader = "auto",
        .zone.net = "bridge",
        .memory = UINT64_C(512) << 20,
        .cpus = 1,
        .dump_what = "guest,host",
        .sandbox = "auto",
        .on_reboot = "reset",
        .on_panic = "exit",
        .on_watchdog = "exit",
    };
}

void guest_config_fini(struct guest_config *c)
{
    opt_free(guest_options, c);
    for (size_t i = 0; i < c->n_owned; i++)
        free(c->owned[i]);
    free(c->owned);
    c->owned = NULL;
    c->n_owned = 0;
}

unsigned guest_config_cpus_max(const struct guest_config *c)
{
    uint64_t standard = guest_config_deterministic(c) ? c->cpus : MAX(c->cpus, UINT64_C(4));

    return (unsigned)(c->cpus_max ? c->cpus_max : standard);
}

uint64_t guest_config_memory_max(const struct guest_config *c)
{
    const uint64_t below_4g = UINT64_C(2816) << 20, most = UINT64_C(1) << 39;
    uint64_t standard = MIN(4 * c->memory, c->memory < below_4g ? below_4g : most);

    if (c->memory_max)
        return c->memory_max;
    return guest_config_deterministic(c) ? c->memory : standard;
}

bool guest_config_deterministic(const struct guest_config *c)
{
    return c->deterministic || c->record || c->replay;
}

int guest_config_check(const struct guest_config *c, struct error *err)
{
    struct error uuid_err;
    uint8_t uuid[16];

    const char *firmware = guest_config_firmware(c);

    if (c->memory_max && c->memory_max < c->memory)
        return fail(err, EINVAL, "--memory-max %" PRIu64 "M is less than --memory %" PRIu64 "M",
                    c->memory_max >> 20, c->memory >> 20);
    if (c->cpus_max && c->cpus_max < c->cpus)
        return fail(err, EINVAL, "--cpus-max %" PRIu64 " is less than --cpus %" PRIu64, c->cpus_max,
                    c->cpus);
    if (!c->kernel && !c->disks.count && !c->cdroms.count && !c->image)
        return fail(err, EINVAL, "no image and no kernel given; try: quad image ls, --kernel "
                                 "/boot/vmlinuz-..., or --disk or --cdrom with a system that boots "
                                 "by itself");
    if (!c->kernel && !firmware && !c->image)
        return fail(err, EINVAL, "--firmware none needs a kernel; try: --kernel /boot/vmlinuz-...");
    if (c->kernel && firmware)
        return fail(err, EINVAL, "--firmware %s and --kernel: one of them starts the machine",
                    firmware);
    if (!c->kernel && (!c->image || c->firmware) && (c->initrd || c->append || c->modules.count))
        return fail(err, EINVAL, "%s goes with --kernel only",
                    c->initrd ? "--initrd" : c->append ? "--append" : "--module");
    if (c->firmware_vars && (!firmware || strcmp(firmware, "uefi")))
        return fail(err, EINVAL, "--firmware-vars goes with --firmware uefi");
    if (!c->image && (c->rm || c->hostname || c->users.count || c->ssh_keys.count || c->user_data))
        return fail(err, EINVAL, "--rm, --hostname, --user, --ssh-key and --user-data go with an "
                                 "image; try: quad run IMAGE");
    if (c->detach && !guest_config_named(c))
        return fail(err, EINVAL, "--detach needs a name; try: --name web");
    if (c->wait && !c->detach)
        return fail(err, EINVAL, "--wait goes with --detach");
    if (c->memory % (1u << 20))
        return fail(err, EINVAL, "--memory: no multiple of 1 MiB; try: --memory %" PRIu64 "M",
                    (c->memory >> 20) + 1);
    if (c->serial.count > 2)
        return fail(err, EINVAL, "--serial: the board has two serial ports");
    if (c->record && c->replay)
        return fail(err, EINVAL, "--record and --replay exclude each other");
    if (c->gdb && guest_config_deterministic(c))
        return fail(err, EINVAL, "--gdb does not go with --deterministic");
    if (c->seed && !guest_config_deterministic(c))
        return fail(err, EINVAL, "--seed works with --deterministic only");
    if (guest_config_uuid(c, uuid, &uuid_err))
        return fail(err, EINVAL, "%s", uuid_err.text);
    return 0;
}

const char *guest_config_firmware(const struct guest_config *c)
{
    if (!c->firmware)
        return c->kernel ? NULL : "bios";
    return strcmp(c->firmware, "none") ? c->firmware : NULL;
}

static int parse_uuid(const char *text, uint8_t uuid[16])
{
    unsigned digits = 0;

    for (const char *p = text; *p; p++) {
        if (*p == '-')
            continue;
        if (!isxdigit((unsigned char)*p) || digits == 32)
            return -EINVAL;
        unsigned v = (unsigned)(isdigit((unsigned char)*p) ? *p - '0' : (*p | 0x20) - 'a' + 10);
        uuid[digits / 2] = (uint8_t)(uuid[digits / 2] << 4 | v);
        digits++;
    }
    return digits == 32 ? 0 : -EINVAL;
}

/* Two rounds of FNV-1a over the name fill a version 8 (own scheme) UUID [RFC 9562]. */
static void uuid_from_name(const char *name, uint8_t uuid[16])
{
    for (unsigned half = 0; half < 2; half++) {
        uint64_t h = UINT64_C(0xcbf29ce484222325) + half;
        for (const char *p = name; *p; p++)
            h = (h ^ (uint8_t)*p) * UINT64_C(0x100000001b3);
        h ^= h >> 29;
        for (unsigned i = 0; i < 8; i++)
            uuid[8 * half + i] = (uint8_t)(h >> (8 * i));
    }
    uuid[6] = (uuid[6] & 0x0f) | 0x80;
    uuid[8] = (uuid[8] & 0x3f) | 0x80;
}

int guest_config_uuid(const struct guest_config *c, uint8_t uuid[16], struct error *err)
{
    memset(uuid, 0, 16);
    if (!c->uuid)
        uuid_from_name(c->name, uuid);
    else if (parse_uuid(c->uuid, uuid))
        return fail(err, EINVAL, "--uuid: \"%s\" is no UUID; try: %s", c->uuid,
                    "123e4567-e89b-42d3-a456-426614174000");
    return 0;
}
