/* Curves column by column. Why here: see curves.h. */
#include "curves.h"

#include <math.h>
#include <stdio.h>

#include "lockstep/base/error.h"
#include "lockstep/base/file.h"
#include "lockstep/format/csv.h"
#include "lockstep/metrics/ranking.h"

/* A file that rank 0 writes; of the others all is NULL. */
typedef struct writer {
    ls_pending_file pending;
    FILE *file;
} writer;

static ls_status put(writer *w, ls_buffer *text) {
    ls_status st = text->status;
    if (st == LS_OK && fwrite(text->data, 1, text->length, w->file) != text->length)
        st = ls_fail_errno(LS_ERR_IO, w->pending.path, "write");
    ls_buffer_free(text);
    return st;
}

static ls_status begin(writer *w, const char *path) {
    ls_buffer head = {0};
    LS_TRY(ls_pending_begin(&w->pending, path));
    w->file = fopen(w->pending.temporary_path, "w");
    if (w->file == NULL)
        return ls_fail_errno(LS_ERR_IO, path, "open");
    ls_buffer_add(&head, "class,threshold,false_positive_rate,recall,precision\n");
    return put(w, &head);
}

/* An empty field where there is no value. */
static void put_number(ls_buffer *line, double x) {
    if (isnan(x))
        ls_buffer_add(line, ",");
    else
        ls_buffer_addf(line, ",%.9g", x);
}

static ls_status write_column(writer *w, size_t j, const ls_strings *names, size_t n,
                              const float *p, ls_column_room *room) {
    size_t row;
    if (!ls_order_sort(&room->order, n, p))
        return LS_OK;
    ls_curve c = ls_curve_begin(&room->order, room->truth);
    while (c.counts.actual > 0 && ls_curve_next(&c, &row)) {
        ls_buffer line = {0};
        if (j < names->count)
            ls_csv_put(&line, ls_strings_at(names, j));
        else
            ls_buffer_addf(&line, "output%zu", j);
        put_number(&line, (double)p[row]);
        put_number(&line, ls_counts_false_positive_rate(&c.counts, c.rows));
        put_number(&line, ls_counts_recall(&c.counts, c.rows));
        put_number(&line, ls_counts_precision(&c.counts, c.rows));
        ls_buffer_add(&line, "\n");
        LS_TRY(put(w, &line));
    }
    return LS_OK;
}

static ls_status finish(writer *w, ls_status st) {
    if (w->file != NULL && fclose(w->file) != 0 && st == LS_OK)
        st = ls_fail_errno(LS_ERR_IO, w->pending.path, "write");
    if (st == LS_OK)
        st = ls_pending_commit(&w->pending);
    ls_pending_abandon(&w->pending);
    return st;
}

ls_status ls_curves_write(ls_comm *comm, ls_assessment *a, const ls_problem *problem, size_t n,
                          const ls_strings *names, const char *path) {
    const bool root = ls_comm_rank(comm) == 0;
    const float *p = NULL;
    ls_column_room *room = NULL;
    writer w = {0};
    ls_status st = ls_agree(comm, root ? begin(&w, path) : LS_OK);
    for (size_t j = problem->kind == LS_FOR_TWO ? 1 : 0; st == LS_OK && j < problem->n; j++) {
        st = ls_assessment_column(comm, a, j, &p, &room);
        if (st == LS_OK && root)
            st = write_column(&w, j, names, n, p, room);
        st = ls_agree(comm, st);
    }
    return ls_agree(comm, root ? finish(&w, st) : st);
}
