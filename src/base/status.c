/* The status table's columns as functions. Why here: status.h declares the rows once. Never
 * holds text about one failure. */
#include "lockstep/base/status.h"

#include <stdbool.h>

typedef struct status_row {
    const char *name;
    int exit_code;
    const char *sentence;
} status_row;

static const status_row rows[] = {
#define STATUS_ROW(name, code, sentence) {#name, code, sentence},
    LS_STATUS_TABLE(STATUS_ROW)
#undef STATUS_ROW
};

static bool is_known(ls_status st) {
    return (int)st >= 0 && st < LS_STATUS_COUNT;
}

const char *ls_status_name(ls_status st) {
    return is_known(st) ? rows[st].name : "?";
}

int ls_status_exit_code(ls_status st) {
    return is_known(st) ? rows[st].exit_code : 1;
}

const char *ls_status_sentence(ls_status st) {
    return is_known(st) ? rows[st].sentence : "unknown status";
}
