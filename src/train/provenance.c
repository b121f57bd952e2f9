/* The record of where a run came from. */
#include "provenance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lockstep/base/build.h"
#include "lockstep/base/clock.h"
#include "lockstep/base/cpus.h"
#include "lockstep/base/error.h"
#include "lockstep/base/file.h"
#include "lockstep/base/memory.h"
#include "lockstep/format/json.h"
#include "lockstep/math/math.h"

static json_t *dataset_facts(const ls_run *run) {
    json_t *o = json_object();
    ls_json_set(&o, "file", json_string(run->ds->path));
    ls_json_set(&o, "xxh3_128", json_string(run->t->fingerprint));
    ls_json_set(&o, "samples", json_integer((json_int_t)run->ds->n_samples));
    ls_json_set(&o, "features", json_integer((json_int_t)run->ds->n_features));
    return o;
}

static json_t *start_facts(const ls_run *run, const ls_train_request *request) {
    char text[256], host[256] = "unknown", now[32];
    json_t *o = json_object(), *command = json_array();
    for (int i = 0; i < request->argc; i++)
        ls_json_append(&command, json_string(request->argv[i]));
    (void)gethostname(host, sizeof host - 1);
    ls_json_set(&o, "time", json_string(ls_clock_iso(now)));
    ls_json_set(&o, "command", command);
    ls_json_set(&o, "host", json_string(host));
    ls_json_set(&o, "cpu", json_string(ls_cpu_name(text, sizeof text)));
    ls_json_set(&o, "ranks", json_integer(ls_comm_size(run->comm)));
    ls_json_set(&o, "threads", json_integer(ls_math_threads()));
    ls_json_set(&o, "lockstep", json_string(ls_build_version()));
    ls_json_set(&o, "commit", json_string(ls_build_commit()));
    ls_json_set(&o, "build", json_string(ls_build_type()));
    ls_json_set(&o, "compiler", json_string(ls_build_compiler()));
    ls_json_set(&o, "mpi", json_string(ls_comm_version(text, sizeof text)));
    ls_json_set(&o, "hdf5", json_string(ls_h5_version(text)));
    ls_json_set(&o, "blas", json_string(ls_math_blas(text, sizeof text)));
    ls_json_set(&o, "gemm", json_string(ls_gemm_describe(run->t->gemm, text, sizeof text)));
    ls_json_set(&o, "arithmetic", json_string(run->arithmetic));
    ls_json_set(&o, "dataset", dataset_facts(run));
    if (run->resumed_from != NULL) {
        ls_json_set(&o, "resumed_from", json_string(run->resumed_from));
        ls_json_set(&o, "at_step", json_integer((json_int_t)run->t->state.step));
    }
    return o;
}

/* The object that the starts of before are in, or an empty one. */
static ls_status read_earlier(const char *provenance, json_t **out) {
    json_error_t error = {0};
    *out = provenance != NULL ? json_loads(provenance, 0, &error) : NULL;
    if (*out == NULL && json_error_code(&error) == json_error_out_of_memory)
        return ls_fail(LS_ERR_MEMORY, "provenance", "out of memory");
    if (json_is_object(*out))
        return LS_OK;
    json_decref(*out);
    *out = json_object();
    return LS_OK;
}

ls_status ls_provenance_add(ls_run *run, const ls_train_request *request) {
    json_t *all;
    LS_TRY(read_earlier(run->t->provenance, &all));
    json_t *starts = json_object_get(all, "starts");
    starts = json_is_array(starts) ? json_incref(starts) : json_array();
    ls_json_append(&starts, start_facts(run, request));
    ls_json_set(&all, "starts", starts);
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
