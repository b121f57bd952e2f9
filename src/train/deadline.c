/* The end of a run's time. Why here: see deadline.h. */
#include "deadline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lockstep/base/clock.h"

/* Slurm counts in whole seconds, and killing takes it a moment. */
#define SPARE_S 2.0

static bool is_number(const char *s) {
    return s != NULL && s[0] != '\0' && strspn(s, "0123456789") == strlen(s);
}

/* The job as squeue knows it; of an array's jobs one has the array's number, which would mean all
 * of them. false: no job. */
static bool job_name(char *out, size_t size) {
    const char *job = getenv("SLURM_JOB_ID"), *array = getenv("SLURM_ARRAY_JOB_ID");
    const char *task = getenv("SLURM_ARRAY_TASK_ID");
    int n = 0;
    if (is_number(array) && is_number(task))
        n = snprintf(out, size, "%s_%s", array, task);
    else if (is_number(job))
        n = snprintf(out, size, "%s", job);
    return n > 0 && (size_t)n < size;
}

/* Seconds since the epoch at which the job ends, as a number in the environment (Slurm 23 and
 * newer) or as squeue tells it; 0: no job, or it has no end. */
static double job_end(void) {
    const char *end = getenv("SLURM_JOB_END_TIME");
    char job[40];
    if (end != NULL && end[0] != '\0')
        return strtod(end, NULL);
    if (!job_name(job, sizeof job))
        return 0;
    char command[96], text[64] = "";
    struct tm t = {.tm_isdst = -1};
    snprintf(command, sizeof command, "squeue -h -j %s -o %%e 2>/dev/null", job);
    FILE *f = popen(command, "r"); /* numbers are all that comes from outside */
    if (f == NULL)
        return 0;
    bool got = fgets(text, sizeof text, f) != NULL;
    (void)pclose(f);
    if (!got || sscanf(text, "%d-%d-%dT%d:%d:%d", &t.tm_year, &t.tm_mon, &t.tm_mday, &t.tm_hour,
                       &t.tm_min, &t.tm_sec) != 6)
        return 0; /* "N/A", "Unknown": no limit */
    t.tm_year -= 1900;
    t.tm_mon--;
    return (double)mktime(&t);
}

ls_deadline ls_deadline_find(ls_log *log, double began, double limit_s) {
    ls_deadline d = {.at = limit_s > 0 ? began + limit_s : 0};
    char text[32];
    double end = job_end(), left = end - (double)time(NULL);
    if (end > 0 && (d.at == 0 || ls_clock_s() + left < d.at)) {
        d.at = ls_clock_s() + left;
        ls_note(log, "the Slurm job ends in %s: a checkpoint is written in time",
                ls_print_duration(left, text));
    } else if (limit_s > 0) {
        ls_note(log, "the time limit is %s: a checkpoint is written in time",
                ls_print_duration(limit_s, text));
    }
    return d;
}

bool ls_deadline_is_near(ls_deadline *d, double checkpoint_s) {
    double now = ls_clock_s();
    if (d->at == 0)
        return false;
    if (d->looked > 0 && now - d->looked > d->gap_s)
        d->gap_s = now - d->looked;
    d->looked = now;
    d->was_near = now + 2 * (checkpoint_s + d->gap_s) + SPARE_S > d->at;
    return d->was_near;
}
