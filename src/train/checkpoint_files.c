/* Names of checkpoints. Why here: see checkpoint_files.h. */
#include "checkpoint_files.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lockstep/base/error.h"
#include "lockstep/base/log.h"
#include "lockstep/base/memory.h"
#include "lockstep/train/checkpoint.h"

#define STEP_NAME "step-%010" PRIu64 ".h5"

/* ---- a new one ---- */

ls_status ls_checkpoint_begin(const ls_run_dir *dir, const ls_succession *s,
                              ls_pending_file *pending) {
    return ls_pending_begin(pending, s->best ? dir->best : dir->last);
}

static ls_status keep_last(const ls_run_dir *dir, uint64_t step) {
    char *path = NULL;
    LS_TRY(ls_format(&path, "%s/" STEP_NAME, dir->checkpoints, step));
    ls_status st = ls_duplicate_file(dir->last, path);
    ls_free(path);
    return st;
}

/* The number of step-N.h5; false for any other name. */
static bool parse_step(const char *name, uint64_t *step) {
    char again[48];
    char *end;
    if (strncmp(name, "step-", 5) != 0)
        return false;
    *step = strtoull(name + 5, &end, 10);
    snprintf(again, sizeof again, STEP_NAME, *step);
    return strcmp(name, again) == 0;
}

static int by_falling_step(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x < y) - (x > y);
}

/* The steps of all step-N.h5, the highest first; none where the folder is not there.
 * *step: ls_free. */
static ls_status list_steps(const ls_run_dir *dir, uint64_t **step, size_t *n) {
    size_t capacity = 0;
    uint64_t one;
    *step = NULL;
    *n = 0;
    DIR *entries = opendir(dir->checkpoints);
    if (entries == NULL)
        return LS_OK;
    ls_status st = LS_OK;
    for (const struct dirent *e; st == LS_OK && (e = readdir(entries)) != NULL;) {
        if (!parse_step(e->d_name, &one))
            continue;
        st = ls_grow(step, &capacity, *n + 1, sizeof **step, "checkpoints");
        if (st == LS_OK)
            (*step)[(*n)++] = one;
    }
    closedir(entries);
    if (st == LS_OK && *n > 0)
        qsort(*step, *n, sizeof **step, by_falling_step);
    return st;
}

/* Older states, and damaged ones that a resumed run has passed over and now overtakes. */
static ls_status remove_others(const ls_run_dir *dir, const ls_succession *s) {
    uint64_t *step = NULL;
    size_t n = 0, kept = 1;
    ls_status st = list_steps(dir, &step, &n);
    for (size_t i = 0; st == LS_OK && i < n; i++) {
        bool older = s->keeps_last && step[i] <= s->last_step;
        if (older && kept++ < s->keep)
            continue;
        char *path = NULL;
        st = ls_format(&path, "%s/" STEP_NAME, dir->checkpoints, step[i]);
        if (st == LS_OK)
            (void)unlink(path); /* it only takes room */
        ls_free(path);
    }
    ls_free(step);
    return st;
}

ls_status ls_checkpoint_commit(const ls_run_dir *dir, const ls_succession *s,
                               ls_pending_file *pending) {
    /* The records of the epochs that it counts must not be lost when it is not. */
    LS_TRY(ls_sync_file(dir->metrics));
    if (s->keeps_last && s->keep > 1)
        LS_TRY(keep_last(dir, s->last_step));
    LS_TRY(ls_pending_commit(pending));
    if (s->best)
        LS_TRY(ls_duplicate_file(dir->best, dir->last));
    return s->keeps_last ? remove_others(dir, s) : LS_OK;
}

/* ---- those that are there ---- */

ls_status ls_checkpoint_list(const ls_run_dir *dir, ls_strings *out) {
    uint64_t *step = NULL;
    size_t n = 0;
    char name[48];
    ls_status st = list_steps(dir, &step, &n);
    if (st == LS_OK && ls_path_exists(dir->last))
        st = ls_strings_add(out, "last.h5");
    for (size_t i = 0; st == LS_OK && i < n; i++) {
        snprintf(name, sizeof name, STEP_NAME, step[i]);
        st = ls_strings_add(out, name);
    }
    if (st == LS_OK && ls_path_exists(dir->best))
        st = ls_strings_add(out, "best.h5");
    ls_free(step);
    return st;
}

/* Whether the whole file is good, and the updates that its state has done. */
static bool is_good(const char *path, uint64_t *step) {
    ls_trained *t = NULL;
    if (ls_checkpoint_read(path, true, &t) != LS_OK)
        return false;
    *step = t->state.step;
    ls_trained_destroy(t);
    return true;
}

/* last.h5 where it is good, else the newest of the others: best.h5 may be newer than they are. */
static ls_status choose(const ls_run_dir *dir, ls_log *log, const ls_strings *names, char **path) {
    uint64_t newest = 0, step = 0;
    for (size_t i = 0; i < names->count; i++) {
        char *candidate = NULL;
        LS_TRY(ls_path_join(dir->checkpoints, ls_strings_at(names, i), &candidate));
        bool good = is_good(candidate, &step);
        if (!good)
            ls_warn(log, "passed over: %s", ls_error_last()->message);
        if (!good || (*path != NULL && step <= newest)) {
            ls_free(candidate);
            continue;
        }
        ls_free(*path);
        *path = candidate;
        newest = step;
        if (strcmp(candidate, dir->last) == 0)
            break;
    }
    return LS_OK;
}

ls_status ls_checkpoint_choose(const ls_run_dir *dir, ls_log *log, char **path) {
    ls_strings names = {0};
    *path = NULL;
    ls_status st = ls_checkpoint_list(dir, &names);
    if (st == LS_OK)
        st = choose(dir, log, &names, path);
    if (st == LS_OK && *path == NULL)
        st = ls_hint(ls_fail(LS_ERR_DATA, dir->checkpoints, "none of the %zu checkpoints is good",
                             names.count),
                     "restore one from a copy, or start anew with --overwrite");
    ls_strings_free(&names);
    return st;
}
