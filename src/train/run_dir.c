/* Names, checks and clean-up of a run directory. */
#include "run_dir.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "checkpoint_files.h"
#include "lockstep/base/error.h"
#include "lockstep/base/file.h"
#include "lockstep/base/memory.h"
#include "lockstep/base/text.h"
#include "run_lock.h"

ls_status ls_run_dir_name(ls_run_dir *dir, const char *path) {
    *dir = (ls_run_dir){.lock_fd = -1};
    const struct {
        char **out;
        const char *name;
    } names[] = {{&dir->config, "config.yaml"},       {&dir->provenance, "provenance.json"},
                 {&dir->metrics, "metrics.jsonl"},    {&dir->log, "log.txt"},
                 {&dir->checkpoints, "checkpoints"},  {&dir->best, "checkpoints/best.h5"},
                 {&dir->last, "checkpoints/last.h5"}, {&dir->lock, ".lock"}};
    ls_status st = ls_strdup(path, &dir->path);
    for (size_t i = 0; st == LS_OK && i < sizeof names / sizeof *names; i++)
        st = ls_path_join(path, names[i].name, names[i].out);
    if (st != LS_OK)
        ls_run_dir_free(dir);
    return st;
}

void ls_run_dir_free(ls_run_dir *dir) {
    if (dir->lock != NULL)
        ls_run_lock_release(dir->lock, dir->lock_fd);
    ls_free(dir->path);
    ls_free(dir->config);
    ls_free(dir->provenance);
    ls_free(dir->metrics);
    ls_free(dir->log);
    ls_free(dir->checkpoints);
    ls_free(dir->best);
    ls_free(dir->last);
    ls_free(dir->lock);
    *dir = (ls_run_dir){.lock_fd = -1};
}

ls_status ls_run_dir_holds_checkpoint(const ls_run_dir *dir, bool *found) {
    ls_strings names = {0};
    LS_TRY(ls_checkpoint_list(dir, &names));
    *found = names.count > 0;
    ls_strings_free(&names);
    return LS_OK;
}

/* A run is here: without a flag nothing may be done to it. */
static ls_status check_empty(const ls_run_dir *dir, bool found) {
    if (!found && !ls_path_exists(dir->config))
        return LS_OK;
    return ls_hint(ls_fail(LS_ERR_USAGE, dir->path, "the run directory holds a run"),
                   "go on with --resume, start anew with --overwrite, or choose another --run-dir");
}

/* A config that the user wrote must not become the resolved one, or be removed with a run. */
static ls_status check_config(const ls_run_dir *dir, const char *config_path) {
    if (ls_check_output(dir->config, config_path) == LS_OK)
        return LS_OK;
    return ls_hint(ls_fail(LS_ERR_USAGE, config_path, "the run would write over this config"),
                   "its directory is the run directory: choose another --run-dir");
}

ls_status ls_run_dir_check(ls_run_dir *dir, const ls_run_dir_use *use, ls_log *log, bool *found) {
    *found = false;
    if (!ls_path_exists(dir->path))
        return LS_OK;
    if (!ls_path_is_directory(dir->path))
        return ls_fail(LS_ERR_USAGE, dir->path, "this is not a directory");
    /* From here on nobody else writes in it. */
    LS_TRY(ls_run_lock_take(dir->lock, dir->path, log, &dir->lock_fd));
    LS_TRY(ls_run_dir_holds_checkpoint(dir, found));
    if (!use->resume && !use->overwrite)
        LS_TRY(check_empty(dir, *found));
    return *found && use->resume ? LS_OK : check_config(dir, use->config_path);
}

/* Whether a file is one that a killed process had not finished writing: ".NAME.tmp-PROCESS". */
static bool is_unfinished(const char *file, const char *const *names, size_t n) {
    const char *tmp = strstr(file, ".tmp-");
    if (file[0] != '.' || tmp == NULL || tmp[5] == '\0' || tmp[5 + strspn(tmp + 5, "0123456789")])
        return false;
    size_t length = (size_t)(tmp - file) - 1;
    for (size_t i = 0; i < n; i++)
        if (strlen(names[i]) == length && strncmp(file + 1, names[i], length) == 0)
            return true;
    return strncmp(file, ".step-", 6) == 0;
}

static void remove_unfinished(const char *folder) {
    static const char *const names[] = {"config.yaml", "provenance.json", "metrics.jsonl",
                                        "best.h5", "last.h5"};
    DIR *entries = opendir(folder);
    if (entries == NULL)
        return;
    for (const struct dirent *e = readdir(entries); e != NULL; e = readdir(entries))
        if (is_unfinished(e->d_name, names, sizeof names / sizeof *names))
            (void)unlinkat(dirfd(entries), e->d_name, 0); /* it only takes room */
    closedir(entries);
}

static ls_status remove_one(const char *path) {
    return unlink(path) == 0 || errno == ENOENT ? LS_OK : ls_fail_errno(LS_ERR_IO, path, "remove");
}

static ls_status remove_checkpoints(const ls_run_dir *dir) {
    ls_strings names = {0};
    ls_status st = ls_checkpoint_list(dir, &names);
    for (size_t i = 0; st == LS_OK && i < names.count; i++) {
        char *path = NULL;
        st = ls_path_join(dir->checkpoints, ls_strings_at(&names, i), &path);
        if (st == LS_OK)
            st = remove_one(path);
        ls_free(path);
    }
    ls_strings_free(&names);
    return st;
}

static ls_status remove_old(const ls_run_dir *dir) {
    const char *const files[] = {dir->metrics, dir->config, dir->provenance, dir->log};
    LS_TRY(remove_checkpoints(dir));
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        LS_TRY(remove_one(files[i]));
    return LS_OK;
}

ls_status ls_run_dir_open(ls_run_dir *dir, const ls_run_dir_use *use, bool afresh, ls_log *log) {
    LS_TRY(ls_make_directories(dir->checkpoints));
    if (dir->lock_fd < 0) { /* it was not there when the run began */
        bool found;
        LS_TRY(ls_run_lock_take(dir->lock, dir->path, log, &dir->lock_fd));
        LS_TRY(ls_run_dir_holds_checkpoint(dir, &found));
        LS_TRY(check_empty(dir, found));
        LS_TRY(check_config(dir, use->config_path));
    }
    remove_unfinished(dir->path);
    remove_unfinished(dir->checkpoints);
    return afresh ? remove_old(dir) : LS_OK;
}
