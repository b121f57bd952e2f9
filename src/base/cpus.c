/* Affinity masks, cores, and how processes divide them. */
#include "lockstep/base/cpus.h"

#include <math.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lockstep/base/file.h"
#include "lockstep/base/memory.h"
#include "lockstep/base/text.h"

#define SYSTEM_SETS (LS_CPUS_MAX / CPU_SETSIZE)

static void add(ls_cpu_set *set, int i) {
    set->bits[i / 64] |= UINT64_C(1) << (i % 64);
}

static bool has(const ls_cpu_set *set, int i) {
    return set->bits[i / 64] >> (i % 64) & 1;
}

static int count(const ls_cpu_set *set) {
    int n = 0;
    for (size_t i = 0; i < LS_CPUS_MAX / 64; i++)
        n += __builtin_popcountll(set->bits[i]);
    return n;
}

static void unite(ls_cpu_set *all, const ls_cpu_set *more) {
    for (size_t i = 0; i < LS_CPUS_MAX / 64; i++)
        all->bits[i] |= more->bits[i];
}

/* The first number of "3", "3,67" or "3-4": the lowest processor of the core of processor i. */
static int lowest_sibling(int i) {
    char path[96], *text = NULL;
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", i);
    if (ls_read_file(path, &text, NULL) != LS_OK)
        return i;
    long first = strtol(text, NULL, 10);
    ls_free(text);
    return first >= 0 && first < i ? (int)first : i;
}

static ls_cpu_set cores_of(const ls_cpu_set *processors) {
    ls_cpu_set cores = {0};
    for (int i = 0; i < LS_CPUS_MAX; i++)
        if (has(processors, i))
            add(&cores, lowest_sibling(i));
    return cores;
}

static bool read_mask(ls_cpu_set *out) {
    cpu_set_t mask[SYSTEM_SETS];
    memset(mask, 0, sizeof mask);
    *out = (ls_cpu_set){0};
    if (sched_getaffinity(0, sizeof mask, mask) != 0)
        return false;
    for (int i = 0; i < LS_CPUS_MAX; i++)
        if (CPU_ISSET_S((size_t)i, sizeof mask, mask))
            add(out, i);
    return true;
}

/* The system cuts a mask down to the cpuset: asking for all processors for a moment tells what a
 * process that nobody bound would have, whatever kind of cgroup or container it is in. */
static ls_cpu_set unbound(const ls_cpu_set *mine) {
    cpu_set_t before[SYSTEM_SETS], all[SYSTEM_SETS];
    ls_cpu_set found = *mine;
    memset(all, 0xff, sizeof all);
    if (sched_getaffinity(0, sizeof before, before) != 0 ||
        sched_setaffinity(0, sizeof all, all) != 0)
        return found;
    if (!read_mask(&found))
        found = *mine;
    /* It was this thread's mask a moment ago. */
    (void)sched_setaffinity(0, sizeof before, before);
    return found;
}

static int slurm_processors(void) {
    const char *text = getenv("SLURM_CPUS_ON_NODE");
    int64_t n;
    return text != NULL && ls_parse_int64(text, &n) && n > 0 && n <= LS_CPUS_MAX ? (int)n : 0;
}

void ls_cpus_find(ls_cpus *out) {
    *out = (ls_cpus){.slurm = slurm_processors(),
                     .quota = ls_cgroup_quota("/proc/self/cgroup", "/proc/self/mountinfo")};
    if (!read_mask(&out->processors))
        return;
    out->cores = cores_of(&out->processors);
    ls_cpu_set free = unbound(&out->processors), cores = cores_of(&free);
    out->possible = count(&cores);
}

/* What n processors of the machine count as in cores. */
static double in_cores(const ls_cpus *process, double n) {
    return n * count(&process->cores) / count(&process->processors);
}

/* The cores that quota and Slurm leave of n. */
static double granted_cores(const ls_cpus *process, double n) {
    n = fmin(n, process->quota);
    return process->slurm > 0 ? fmin(n, in_cores(process, process->slurm)) : n;
}

int ls_cpus_share(const ls_cpus *process, size_t n, size_t me) {
    double share = 0;
    for (int i = 0; i < LS_CPUS_MAX; i++) {
        int users = 0;
        for (size_t p = 0; p < n && has(&process[me].cores, i); p++)
            users += has(&process[p].cores, i);
        share += users > 0 ? 1.0 / users : 0;
    }
    if (share <= 0)
        return 0;
    share = fmin(share, granted_cores(&process[me], INFINITY) / (double)n);
    return share < 1 ? 1 : (int)(share + 1e-6);
}

/* Threads that share one processor of process p's mask, if all processes spread theirs evenly. */
static double load_of(const ls_cpus *process, size_t n, size_t p) {
    double part = 0; /* of the mask's processors, for one thread */
    for (int i = 0; i < LS_CPUS_MAX; i++) {
        int threads = 0;
        for (size_t q = 0; q < n && has(&process[p].processors, i); q++)
            threads += has(&process[q].processors, i) ? process[q].threads : 0;
        part += threads > 0 ? 1.0 / threads : 0;
    }
    return part > 0 ? 1 / part : 0;
}

void ls_cpus_judge(const ls_cpus *process, size_t n, ls_cpus_use *out) {
    ls_cpu_set processors = {0}, cores = {0};
    *out = (ls_cpus_use){0};
    if (n == 0 || count(&process[0].processors) == 0)
        return;
    for (size_t p = 0; p < n; p++) {
        unite(&processors, &process[p].processors);
        unite(&cores, &process[p].cores);
        out->threads += process[p].threads;
        out->load = fmax(out->load, load_of(process, n, p));
        out->possible = process[p].possible > out->possible ? process[p].possible : out->possible;
    }
    double granted = fmin(count(&processors), process[0].quota);
    if (process[0].slurm > 0)
        granted = fmin(granted, process[0].slurm);
    out->load = fmax(out->load, out->threads / granted);
    out->ranks = (int)n;
    out->processors = granted < 1 ? 1 : (int)granted;
    out->cores = count(&cores);
    double possible = granted_cores(&process[0], fmax(out->possible, out->cores));
    out->possible = possible < 1 ? 1 : (int)possible;
    out->fit = out->possible / out->ranks > 1 ? out->possible / out->ranks : 1;
}

const char *ls_cpu_name(char *buffer, size_t size) {
    FILE *f = fopen("/proc/cpuinfo", "r");
    char line[512];
    snprintf(buffer, size, "unknown");
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || colon == NULL)
            continue;
        line[strcspn(line, "\n")] = '\0';
        snprintf(buffer, size, "%s", colon + 2);
        break;
    }
    if (f != NULL)
        fclose(f);
    return buffer;
}
