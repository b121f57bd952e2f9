/* The record of where a run came from. */
#include "provenance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lockstep/base/build.h"
#include "lockstep/base/clock.h"
#include "lockstep/base/error.h"
#include "lockstep/base/file.h"
#include "lockstep/base/memory.h"
#include "lockstep/math/math.h"

/* The processor's name as Linux tells it, or "unknown". */
static void cpu_name(char *name, size_t size) {
    FILE *f = fopen("/proc/cpuinfo", "r");
    char line[512];
    snprintf(name, size, "unknown");
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || colon == NULL)
            continue;
        line[strcspn(line, "\n")] = '\0';
        snprintf(name, size, "%s", colon + 2);
        break;
    }
    if (f != NULL)
        fclose(f);
}

static json_t *dataset_facts(const ls_run *run) {
    json_t *o = json_object();
    json_object_set_new(o, "file", json_string(run->ds->path));
    json_object_set_new(o, "xxh3_128", json_string(run->t->fingerprint));
    json_object_set_new(o, "samples", json_integer((json_int_t)run->ds->n_samples));
    json_object_set_new(o, "features", json_integer((json_int_t)run->ds->n_features));
    return o;
}

static json_t *arithmetic_facts(void) {
    char hex[40];
    return ls_math_fingerprint(hex) == LS_OK ? json_string(hex) : json_null();
}

static json_t *start_facts(const ls_run *run, const ls_train_request *request) {
    char text[256], host[256] = "unknown", now[32];
    json_t *o = json_object(), *command = json_array();
    for (int i = 0; i < request->argc; i++)
        json_array_append_new(command, json_string(request->argv[i]));
    (void)gethostname(host, sizeof host - 1);
    json_object_set_new(o, "time", json_string(ls_clock_iso(now)));
    json_object_set_new(o, "command", command);
    json_object_set_new(o, "host", json_string(host));
    cpu_name(text, sizeof text);
    json_object_set_new(o, "cpu", json_string(text));
    json_object_set_new(o, "ranks", json_integer(ls_comm_size(run->comm)));
    json_object_set_new(o, "threads", json_integer(ls_math_threads()));
    json_object_set_new(o, "lockstep", json_string(ls_build_version()));
    json_object_set_new(o, "commit", json_string(ls_build_commit()));
    json_object_set_new(o, "build", json_string(ls_build_type()));
    json_object_set_new(o, "compiler", json_string(ls_build_compiler()));
    json_object_set_new(o, "mpi", json_string(ls_comm_version(text, sizeof text)));
    json_object_set_new(o, "hdf5", json_string(ls_h5_version(text)));
    json_object_set_new(o, "blas", json_string(ls_math_blas(text, sizeof text)));
    json_object_set_new(o, "arithmetic", arithmetic_facts());
    json_object_set_new(o, "dataset", dataset_facts(run));
    if (run->resumed_from != NULL) {
        json_object_set_new(o, "resumed_from", json_string(run->resumed_from));
        json_object_set_new(o, "at_step", json_integer((json_int_t)run->t->state.step));
    }
    return o;
}

ls_status ls_provenance_add(ls_run *run, const ls_train_request *request) {
    json_t *all =
        run->t->provenance != NULL ? json_loads(run->t->provenance, 0, NULL) : json_object();
    if (!json_is_object(all)) {
        json_decref(all);
        all = json_object();
    }
    if (!json_is_array(json_object_get(all, "starts")))
        json_object_set_new(all, "starts", json_array());
    json_array_append_new(json_object_get(all, "starts"), start_facts(run, request));
    char *text = json_dumps(all, JSON_INDENT(2));
    json_decref(all);
    if (text == NULL)
        return ls_fail(LS_ERR_MEMORY, "provenance", "out of memory");
    ls_free(run->t->provenance);
    run->t->provenance = NULL;
    ls_status st = ls_strdup(text, &run->t->provenance);
    free(text);
    return st;
}
