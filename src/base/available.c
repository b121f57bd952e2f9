/* How much memory may still be taken. Why here: see memory.h. Never allocates. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lockstep/base/memory.h"

#define PATH_BYTES 1024

/* The number behind key in the first line that begins with it; UINT64_MAX where there is none. */
static uint64_t number_in(const char *path, const char *key) {
    char line[256];
    uint64_t n = UINT64_MAX;
    FILE *f = fopen(path, "re");
    while (f != NULL && fgets(line, sizeof line, f) != NULL)
        if (strncmp(line, key, strlen(key)) == 0) {
            if (sscanf(line + strlen(key), "%" SCNu64, &n) != 1)
                n = UINT64_MAX; /* "max" */
            break;
        }
    if (f != NULL)
        (void)fclose(f); /* nothing was written */
    return n;
}

/* One kind of control groups: where it is mounted, how a line of /proc/self/cgroup names it, and
 * its files. */
typedef struct hierarchy {
    const char *root, *line, *limit, *used;
} hierarchy;

static const hierarchy kinds[] = {
    {"/sys/fs/cgroup", "0::", "memory.max", "memory.current"},
    {"/sys/fs/cgroup/memory", ":memory:", "memory.limit_in_bytes", "memory.usage_in_bytes"},
};

/* This process's group, as a path below the root; "" where it is in none. */
static void find_group(const hierarchy *h, char group[PATH_BYTES]) {
    char line[PATH_BYTES];
    FILE *f = fopen("/proc/self/cgroup", "re");
    group[0] = '\0';
    while (f != NULL && group[0] == '\0' && fgets(line, sizeof line, f) != NULL) {
        const char *at = strstr(line, h->line);
        if (at == NULL || (h->line[0] == '0' && at != line))
            continue;
        at += strlen(h->line);
        snprintf(group, PATH_BYTES, "%.*s", (int)strcspn(at, "\n"), at);
    }
    if (f != NULL)
        (void)fclose(f);
}

static uint64_t left_in(const hierarchy *h, const char *group) {
    char limit[2 * PATH_BYTES], used[2 * PATH_BYTES];
    snprintf(limit, sizeof limit, "%s%s/%s", h->root, group, h->limit);
    snprintf(used, sizeof used, "%s%s/%s", h->root, group, h->used);
    uint64_t most = number_in(limit, ""), now = number_in(used, "");
    if (most == UINT64_MAX || now == UINT64_MAX)
        return UINT64_MAX;
    return now < most ? most - now : 0;
}

/* The group's limit or that of a group above it, whichever leaves least. */
static uint64_t left_in_groups(const hierarchy *h) {
    char group[PATH_BYTES];
    uint64_t least = left_in(h, "");
    find_group(h, group);
    for (char *slash; (slash = strrchr(group, '/')) != NULL; *slash = '\0') {
        uint64_t left = left_in(h, group);
        least = left < least ? left : least;
    }
    return least;
}

uint64_t ls_available_bytes(void) {
    uint64_t kilobytes = number_in("/proc/meminfo", "MemAvailable:");
    uint64_t least = kilobytes < UINT64_MAX / 1024 ? kilobytes * 1024 : UINT64_MAX;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        uint64_t left = left_in_groups(&kinds[i]);
        least = left < least ? left : least;
    }
    return least;
}
