/* The processor time that cgroups grant: cpu.max of version 2, cpu.cfs_quota_us of version 1. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lockstep/base/cpus.h"
#include "lockstep/base/file.h"
#include "lockstep/base/memory.h"
#include "lockstep/base/text.h"

/* A mounted hierarchy that can limit processor time. */
typedef struct hierarchy {
    bool version2;
    const char *root;  /* the cgroup that is mounted */
    const char *mount; /* where */
} hierarchy;

/* Whether a comma-separated list holds the word. */
static bool lists(const char *list, const char *word) {
    size_t n = strlen(word);
    for (const char *at = list; at != NULL && *at != '\0'; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, word, n) == 0 && (at[n] == ',' || at[n] == '\0'))
            return true;
    }
    return false;
}

/* Cuts the line at its next blank; gives what stood before it. */
static char *field(char **line) {
    char *begin = *line;
    *line += strcspn(begin, " ");
    if (**line != '\0')
        *(*line)++ = '\0';
    return begin;
}

/* A line of mountinfo: id, parent, device, root, mount point, options..., "-", type, source,
 * options of the file system. */
static bool parse_mount(char *line, hierarchy *h) {
    for (int i = 0; i < 3; i++)
        (void)field(&line);
    h->root = field(&line);
    h->mount = field(&line);
    while (*line != '\0' && strcmp(field(&line), "-") != 0)
        ;
    const char *type = field(&line);
    (void)field(&line);
    h->version2 = strcmp(type, "cgroup2") == 0;
    return h->version2 || (strcmp(type, "cgroup") == 0 && lists(line, "cpu"));
}

/* The process's cgroup in that hierarchy, from lines "number:controllers:path"; version 2 has
 * "0::path". *path is a copy, or NULL. */
static ls_status find_path(const char *text, bool version2, char **path) {
    *path = NULL;
    for (const char *line = text; *line != '\0';) {
        size_t n = strcspn(line, "\n");
        const char *list = memchr(line, ':', n);
        const char *at = list != NULL ? memchr(list + 1, ':', n - (size_t)(list + 1 - line)) : NULL;
        char controllers[128];
        if (at != NULL) {
            snprintf(controllers, sizeof controllers, "%.*s", (int)(at - list - 1), list + 1);
            if (version2 ? controllers[0] == '\0' : lists(controllers, "cpu"))
                return ls_strndup(at + 1, n - (size_t)(at + 1 - line), path);
        }
        line += n + (line[n] == '\n');
    }
    return LS_OK;
}

/* The numbers at the beginning of a file; false where one is missing ("max") or not above 0. */
static bool read_numbers(const char *directory, const char *name, double *value, int n) {
    char *path = NULL, *text = NULL;
    bool good = ls_format(&path, "%s/%s", directory, name) == LS_OK && ls_path_exists(path) &&
                ls_read_file(path, &text, NULL) == LS_OK;
    char *at = text;
    for (int i = 0; good && i < n; i++) {
        char *end;
        value[i] = strtod(at, &end);
        good = end != at && value[i] > 0;
        at = end;
    }
    ls_free(path);
    ls_free(text);
    return good;
}

static double quota_of(const char *directory, bool version2) {
    double value[2];
    bool found = version2 ? read_numbers(directory, "cpu.max", value, 2)
                          : read_numbers(directory, "cpu.cfs_quota_us", &value[0], 1) &&
                                read_numbers(directory, "cpu.cfs_period_us", &value[1], 1);
    return found ? value[0] / value[1] : INFINITY;
}

/* The smallest quota from the cgroup path of the hierarchy up to its mount point. */
static double smallest_quota(const hierarchy *h, const char *path) {
    char *directory = NULL;
    double quota = INFINITY;
    size_t root = strcmp(h->root, "/") == 0 ? 0 : strlen(h->root), mount = strlen(h->mount);
    /* In a container the path may begin above what is mounted. */
    const char *below = strncmp(path, h->root, root) == 0 ? path + root : "";
    if (ls_format(&directory, "%s%s", h->mount, below) != LS_OK)
        return quota;
    for (size_t n = strlen(directory); n >= mount; n--)
        if (directory[n] == '\0' || directory[n] == '/') {
            directory[n] = '\0';
            quota = fmin(quota, quota_of(directory, h->version2));
        }
    ls_free(directory);
    return quota;
}

double ls_cgroup_quota(const char *cgroup_file, const char *mountinfo_file) {
    char *cgroups = NULL, *mounts = NULL, *rest = NULL;
    double quota = INFINITY;
    bool good = ls_path_exists(cgroup_file) && ls_path_exists(mountinfo_file) &&
                ls_read_file(cgroup_file, &cgroups, NULL) == LS_OK &&
                ls_read_file(mountinfo_file, &mounts, NULL) == LS_OK;
    for (char *line = good ? strtok_r(mounts, "\n", &rest) : NULL; line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        hierarchy h;
        char *path = NULL;
        if (parse_mount(line, &h) && find_path(cgroups, h.version2, &path) == LS_OK && path != NULL)
            quota = fmin(quota, smallest_quota(&h, path));
        ls_free(path);
    }
    ls_free(cgroups);
    ls_free(mounts);
    return quota;
}
